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

/* c = beta c + alpha (a b + first_a first_b^T), with a: m x k, its elements (i, s) at a[i * row_a + s * column_a];
 * b: k x n and c: m x n, both contiguous; first_a: m numbers, NULL: 1 each; first_b: n numbers, NULL: no such part. m
 * and k at least 1, n at least a vector. For beta = 0 c may hold anything. Every element is summed in the same order,
 * whatever m and n are. */
typedef struct shim_product {
    const float *a;
    ptrdiff_t row_a, column_a;
    const float *b, *first_a, *first_b;
    float *c;
    ptrdiff_t m, n, k;
    float alpha, beta;
} shim_product;
void shim_multiply(const shim_product *product);

#endif
