#include "products.h"

#include <string.h>

typedef float quad __attribute__((vector_size(16)));

#define CONCATENATED(a, b) a##b
#define JOINED(a, b) CONCATENATED(a, b)
#define INLINE static inline __attribute__((always_inline))
/* A tile has 12 sums: with what it loads they fill the 16 registers of AVX2. Tiles of rows are higher on AVX-512, which
 * has 32: each load is used four times then. */
enum { SUMS = 12, COLUMN_TILE = 4, BLOCK = 1 << 15, MOST_LANES = 16, SHORT = 16, SHORT_BLOCK = 32 };

/* From MOST_LANES - LANES + n on: a mask of the last n lanes. */
static const int endings[2 * MOST_LANES] = {[MOST_LANES ... 2 * MOST_LANES - 1] = -1};

/* Vectors of LANES floats, for processors that have them. */
#ifdef __x86_64__
#define LANES 16
#define ROW_TILE 4
#define TARGET __attribute__((target("avx512f")))
#include "products_body.h"
#define LANES 8
#define ROW_TILE 3
#define TARGET __attribute__((target("avx2,fma")))
#include "products_body.h"
#endif
#define LANES 4
#define ROW_TILE 3
#define TARGET
#include "products_body.h"

#ifdef __x86_64__
#define FOR_THIS_PROCESSOR(function, ...)                                        \
    if (__builtin_cpu_supports("avx512f")) {                                     \
        function##_16(__VA_ARGS__);                                              \
    } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) { \
        function##_8(__VA_ARGS__);                                               \
    } else                                                                       \
        function##_4(__VA_ARGS__)
#else
#define FOR_THIS_PROCESSOR(function, ...) function##_4(__VA_ARGS__)
#endif

int32_t shim_product_lanes(void) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f")) return 16;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#endif
    return 4;
}

void shim_row_products(const float *a, ptrdiff_t m, const float *b, ptrdiff_t n, ptrdiff_t k, float *c,
                       ptrdiff_t row_c) {
    FOR_THIS_PROCESSOR(row_products, a, m, b, n, k, c, row_c);
}

void shim_column_products(const float *a, ptrdiff_t row_a, ptrdiff_t m, const float *b, ptrdiff_t n, ptrdiff_t k,
                          float alpha, float beta, float *c) {
    const shim_product product = {.a = a, .row_a = 1, .column_a = row_a, .b = b, .c = c, .m = m, .n = n, .k = k,
                                  .alpha = alpha, .beta = beta};
    shim_multiply(&product);
}

void shim_multiply(const shim_product *product) { FOR_THIS_PROCESSOR(product, product); }
