/* The products that OpenBLAS is slow at: it packs both factors first, which a mini-batch's few rows do not pay back.
 * Compiled for each kind of processor, as the kernels are. */
#ifndef TP_PRODUCTS_H
#define TP_PRODUCTS_H

#include <stddef.h>
#include <stdint.h>

/* Floats of a vector in the copy for this processor: 16, 8 or 4. */
int32_t shim_product_lanes(void);

/* c = a b^T, with a: m x k, b: n x k, contiguous, c: m x n, its rows `row_c` apart; all at least 1. Every element is
 * summed in the same order, whatever m and n are. */
void shim_row_products(const float *a, ptrdiff_t m, const float *b, ptrdiff_t n, ptrdiff_t k, float *c,
                       ptrdiff_t row_c);

/* c = beta c + alpha a^T b, with a: k x m, its rows `row_a` apart, b: k x n, c: m x n, both contiguous; m and k at
 * least 1, n at least a vector. For beta = 0 c may hold anything. */
void shim_column_products(const float *a, ptrdiff_t row_a, ptrdiff_t m, const float *b, ptrdiff_t n, ptrdiff_t k,
                          float alpha, float beta, float *c);

/* c = beta c + a b, with a: m x k, b: k x n, c: m x n, contiguous; otherwise the same. */
void shim_plain_products(const float *a, ptrdiff_t m, const float *b, ptrdiff_t n, ptrdiff_t k, float beta, float *c);

#endif
