/* The product kernels for 16, 8 and 4 lanes, whatever this processor has: compiled here without their targets. The
 * Swift tests hold those that the library chooses to the same sums. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define target(processor) unused
#include "../../Sources/CShims/products.c"

#include "check.h"

/* AddressSanitizer sees reads beside a block as well, if nothing stands there. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GUARD 0
#endif
#endif
#ifndef GUARD
#define GUARD 16
#endif
static const float guard = 12345;

/* A block of count elements between guards. */
typedef struct {
    float *start, *values;
    ptrdiff_t count;
} block;

static uint32_t seed = 1;

static block random_block(ptrdiff_t count) {
    block b = {malloc((size_t)(count + 2 * GUARD) * sizeof(float)), NULL, count};
    if (!b.start) exit(2);
    b.values = b.start + GUARD;
    for (ptrdiff_t i = 0; i < count + 2 * GUARD; i++) b.start[i] = guard;
    for (ptrdiff_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        b.values[i] = (float)(seed >> 8) / 8388608.0f - 1;
    }
    return b;
}

/* Whether the guards stand; the block is freed. */
static int done(block b) {
    int stand = 1;
    for (int i = 0; i < GUARD; i++) stand &= b.start[i] == guard && b.values[b.count + i] == guard;
    free(b.start);
    return stand;
}

/* Near the sum of these terms in double; not a number and infinite exactly where that is. */
static int near(float got, double sum, double size) {
    if (isnan(sum)) return isnan(got);
    if (isinf(sum)) return (double)got == sum;
    return fabs((double)got - sum) <= 1e-6 * size;
}

typedef void row_function(const float *a, ptrdiff_t m, const float *b, ptrdiff_t n, ptrdiff_t k, float *c,
                          ptrdiff_t row_c);
typedef void product_function(const shim_product *product);

static const struct {
    int lanes;
    row_function *rows;
    product_function *product;
} copies[] = {
#ifdef __x86_64__
    {16, row_products_16, product_16},
    {8, row_products_8, product_8},
#endif
    {4, row_products_4, product_4},
};
enum { COPIES = sizeof copies / sizeof *copies };

/* `extreme`: put at one place of a row of a and of the first and last of b, or NULL. */
static void check_rows(row_function *multiply, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *extreme,
                       ptrdiff_t place) {
    /* Rows of c are two numbers apart, which stay. */
    const ptrdiff_t row_c = n + 2;
    const block a = random_block(m * k), b = random_block(n * k), c = random_block(m * row_c);
    for (ptrdiff_t i = 0; i < m * row_c; i++) c.values[i] = guard;
    if (extreme) a.values[(m - 1) * k + place] = b.values[place] = b.values[(n - 1) * k + place] = *extreme;
    multiply(a.values, m, b.values, n, k, c.values, row_c);
    long wrong = 0;
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < n; j++) {
            double sum = 0, size = 0;
            for (ptrdiff_t s = 0; s < k; s++) {
                const double term = (double)a.values[i * k + s] * (double)b.values[j * k + s];
                sum += term;
                size += fabs(term);
            }
            wrong += !near(c.values[i * row_c + j], sum, size);
        }
        wrong += c.values[i * row_c + n] != guard || c.values[i * row_c + n + 1] != guard;
    }
    if (!CHECK_EQUAL(wrong, 0)) printf("rows: m %td, n %td, k %td, place %td\n", m, n, k, place);
    CHECK(done(a) & done(b) & done(c));
}

/* a by its columns, or `by_rows`. */
static void check_product(product_function *multiply, int by_rows, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha,
                          float beta, const float *extreme, ptrdiff_t place) {
    const ptrdiff_t row_a = by_rows ? k + 3 : 1, column_a = by_rows ? 1 : m + 3;
    const block a = random_block((m + 3) * (k + 3)), b = random_block(k * n);
    const block c = random_block(m * n), before = random_block(m * n);
    if (extreme) b.values[(k - 1) * n + place] = before.values[(m - 1) * n + (place + 1) % n] = *extreme;
    for (ptrdiff_t i = 0; i < m * n; i++) c.values[i] = beta == 0 ? NAN : before.values[i];
    const shim_product product = {.a = a.values, .row_a = row_a, .column_a = column_a, .b = b.values, .c = c.values,
                                  .m = m, .n = n, .k = k, .alpha = alpha, .beta = beta};
    multiply(&product);
    long wrong = 0;
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < n; j++) {
            double sum = (double)beta * (double)before.values[i * n + j], size = fabs(sum);
            for (ptrdiff_t s = 0; s < k; s++) {
                const double term = (double)alpha * (double)a.values[i * row_a + s * column_a] *
                                    (double)b.values[s * n + j];
                sum += term;
                size += fabs(term);
            }
            wrong += !near(c.values[i * n + j], sum, size);
        }
    }
    if (!CHECK_EQUAL(wrong, 0))
        printf("by rows %d, m %td, n %td, k %td, beta %g, place %td\n", by_rows, m, n, k, (double)beta,
               place);
    CHECK(done(a) & done(b) & done(c) & done(before));
}

int main(void) {
    static const ptrdiff_t few[] = {1, 2, 3, 4, 5, 6, 7, 13}, short_rows[] = {1, 3, 8, 13, 15};
    static const ptrdiff_t long_rows[] = {16, 17, 23, 24, 31, 32, 33, 47, 50};
    static const float extremes[] = {INFINITY, NAN};
    for (int copy = 0; copy < COPIES; copy++) {
        row_function *rows = copies[copy].rows;
        product_function *product = copies[copy].product;
        printf("%d lanes\n", copies[copy].lanes);
        for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
            for (size_t j = 0; j < sizeof few / sizeof *few; j++) {
                for (size_t l = 0; l < sizeof long_rows / sizeof *long_rows; l++) {
                    const ptrdiff_t m = few[i], other = few[j], length = long_rows[l];
                    check_rows(rows, m, other, length, NULL, 0);
                    for (int by_rows = 0; by_rows < 2; by_rows++) {
                        check_product(product, by_rows, m, length, other, 1, 0, NULL, 0);
                        check_product(product, by_rows, m, length, other, -0.5f, 0.75f, NULL, 0);
                    }
                }
                for (size_t l = 0; l < sizeof short_rows / sizeof *short_rows; l++) {
                    check_rows(rows, few[i], few[j], short_rows[l], NULL, 0);
                    check_rows(rows, 40, 2 * few[j] + 7, short_rows[l], NULL, 0);
                }
            }
        }
        /* More rows than one block holds. */
        check_rows(rows, 3 * BLOCK / 1003, 5, 1003, NULL, 0);
        check_rows(rows, 7, 4, BLOCK / 2, NULL, 0);
        /* Every place of a row: none is summed twice or left out, and where a row's end repeats what has been summed,
         * infinity times nothing stays nothing. */
        for (int e = 0; e < 2; e++) {
            for (ptrdiff_t place = 0; place < 37; place++) {
                check_rows(rows, 4, 6, 37, &extremes[e], place);
                check_product(product, 0, 7, 37, 3, 1, 1, &extremes[e], place);
                if (place < 13) check_rows(rows, 4, 6, 13, &extremes[e], place);
            }
        }
    }
    return check_finish();
}
