/* The scanner without vector instructions. */
#define PINTEREST_NO_SIMD
#define VARIANT portable_
#define VARIANT_CAPACITY 96
#include "variant.h"
