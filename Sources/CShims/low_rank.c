#include "kernels.h"
#include "products.h"

enum { BLOCK = 24 };

/* x . y, for numbers that are few. */
static float dot(const float *x, const float *y, ptrdiff_t count) {
    float sum = 0;
    for (ptrdiff_t i = 0; i < count; i++) sum += x[i] * y[i];
    return sum;
}

/* t = d (x q^T + last u^T), rows x rank */
static void inner(const shim_low_rank *map, const float *x, const float *last, ptrdiff_t rows, float *t) {
    const ptrdiff_t rank = map->rank, width = map->width;
    if (width >= 16) {
        shim_row_products(x, rows, map->q, rank, width, t, rank);
    } else {
        for (ptrdiff_t i = 0; i < rows; i++) {
            for (ptrdiff_t j = 0; j < rank; j++) t[i * rank + j] = dot(x + i * width, map->q + j * width, width);
        }
    }
    for (ptrdiff_t i = 0; i < rows; i++, t += rank) {
        const float one = last ? last[i] : 1.0f;
        for (ptrdiff_t j = 0; j < rank; j++) t[j] = map->d[j] * (t[j] + (map->u ? one * map->u[j] : 0));
    }
}

static void block(const shim_low_rank *map, const float *x, const float *last, ptrdiff_t rows, float alpha, float beta,
                  float *out, float *last_out) {
    const ptrdiff_t rank = map->rank, width = map->width;
    const float p = map->d[rank], row_factor = map->d[rank + 1], column_factor = map->d[rank + 2];
    const float corner = map->d[rank + 3];
    float t[BLOCK * SHIM_MOST_RANK];
    inner(map, x, last, rows, t);
    if (last_out) {
        if (map->column) {
            shim_row_dots(x, last, rows, width, map->column, 0, alpha * column_factor, beta, last_out);
        } else {
            for (ptrdiff_t i = 0; i < rows; i++) last_out[i] = beta == 0 ? 0 : beta * last_out[i];
        }
        for (ptrdiff_t i = 0; i < rows; i++) {
            const float inside = map->v ? dot(t + i * rank, map->v, rank) : 0;
            last_out[i] += alpha * (corner * (last ? last[i] : 1.0f) + inside);
        }
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        const float shift = map->row ? alpha * row_factor * (last ? last[i] : 1.0f) : 0;
        shim_scaled_sum(x + i * width, alpha * p, map->row, shift, beta, width, out + i * width);
    }
    if (width >= 16) {
        const shim_product product = {.a = t, .row_a = rank, .column_a = 1, .b = map->q, .c = out, .m = rows,
                                      .n = width, .k = rank, .alpha = alpha, .beta = 1};
        shim_multiply(&product);
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        for (ptrdiff_t j = 0; j < rank; j++) {
            const float factor = alpha * t[i * rank + j];
            for (ptrdiff_t s = 0; s < width; s++) out[i * width + s] += factor * map->q[j * width + s];
        }
    }
}

void shim_low_rank_rows(const shim_low_rank *map, const float *x, const float *last, ptrdiff_t rows, float alpha,
                        float beta, float *out, float *last_out) {
    for (ptrdiff_t row = 0; row < rows; row += BLOCK) {
        const ptrdiff_t count = rows - row < BLOCK ? rows - row : BLOCK;
        block(map, x + row * map->width, last ? last + row : NULL, count, alpha, beta, out + row * map->width,
              last_out ? last_out + row : NULL);
    }
}
