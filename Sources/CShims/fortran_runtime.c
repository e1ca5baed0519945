#include "shims.h"

#include <string.h>

/* Fortran's //: a then b, cut or filled with blanks to `length`. */
void _gfortran_concat_string(size_t length, char *target, size_t length_a, const char *a, size_t length_b,
                             const char *b) {
    size_t first = length_a < length ? length_a : length;
    size_t second = length_b < length - first ? length_b : length - first;
    memcpy(target, a, first);
    memcpy(target + first, b, second);
    memset(target + first + second, ' ', length - first - second);
}
