/* Random masks that are functions of a key and a number, compiled for each kind of processor as those of kernels.h. */
#ifndef TP_MASKS_H
#define TP_MASKS_H

#include <stddef.h>
#include <stdint.h>

/* out[i] = bits of number i >= threshold ? scale x[i] : 0, or added to out. The bits of numbers 2 i and 2 i + 1 are the
 * halves of draw `first + i` of SplitMix64 from the state `key` (RandomCounter.swift). */
void shim_drop(const float *x, ptrdiff_t count, uint64_t key, uint64_t first, uint32_t threshold, float scale,
               int adds, float *out);

#endif
