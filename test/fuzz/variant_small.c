/* The same with a tiny buffer, which ends inside nearly everything. */
#define VARIANT small_
#define VARIANT_CAPACITY 32
#include "variant.h"
