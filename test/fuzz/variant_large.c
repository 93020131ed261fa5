/* The scanner as it is built here; an input of the fuzzer fits its buffer. */
#define VARIANT large_
#define VARIANT_CAPACITY (256 * 1024)
#include "variant.h"
