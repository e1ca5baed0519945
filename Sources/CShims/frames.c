#include "kernels.h"
#include "vector.h"

#include <float.h>

FOR_EACH_PROCESSOR
void shim_weighted_column_sums(const float *x, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t stride, const float *weights,
                               float alpha, float beta, float *sum) {
    for (ptrdiff_t first = 0; first < width; first += LANES) {
        const ptrdiff_t count = width - first < LANES ? width - first : LANES;
        vector total = {0}, v;
        for (ptrdiff_t row = 0; row < rows; row++) {
            load_row(&v, x + row * stride + first, count);
            total += v * weights[row];
        }
        total *= alpha;
        float values[LANES];
        store(values, &total);
        for (ptrdiff_t i = 0; i < count; i++) sum[first + i] = (beta == 0 ? 0 : beta * sum[first + i]) + values[i];
    }
}

INLINE float sum_of_lanes(const vector *v) {
    float values[LANES], sum = 0;
    store(values, v);
    for (int i = 0; i < LANES; i++) sum += values[i];
    return sum;
}

FOR_EACH_PROCESSOR
void shim_shear_rows(const float *x, const float *last, ptrdiff_t rows, ptrdiff_t width, const float *row_shift,
                     const float *column_shift, float *out, float *last_out) {
    for (ptrdiff_t row = 0; row < rows; row++, x += width, out += width) {
        const float one = last ? last[row] : 1.0f;
        vector total = {0}, v, w;
        for (ptrdiff_t i = 0; i < width; i += LANES) {
            const ptrdiff_t count = width - i;
            load_row(&v, x + i, count);
            if (row_shift) {
                load_row(&w, row_shift + i, count);
                v += w * one;
            }
            if (count >= LANES) store(out + i, &v);
            else store_some(out + i, &v, count);
            if (column_shift) {
                load_row(&w, column_shift + i, count);
                total += v * w;
            }
        }
        if (last_out) last_out[row] = one + sum_of_lanes(&total);
    }
}

FOR_EACH_PROCESSOR
void shim_add_sheared_rows(const float *x, const float *last, ptrdiff_t rows, ptrdiff_t width,
                           const float *column_shift, float *target, float *last_target) {
    for (ptrdiff_t row = 0; row < rows; row++, x += width, target += width) {
        vector total = {0}, v, w;
        for (ptrdiff_t i = 0; i < width; i += LANES) {
            const ptrdiff_t count = width - i;
            load_row(&v, x + i, count);
            load_row(&w, column_shift + i, count);
            total += v * w;
            load_row(&w, target + i, count);
            w += v;
            if (count >= LANES) store(target + i, &w);
            else store_some(target + i, &w, count);
        }
        last_target[row] += last[row] + sum_of_lanes(&total);
    }
}

FOR_EACH_PROCESSOR
double shim_squared_distance(const float *x, const float *y, ptrdiff_t count) {
    double total = 0;
    /* Floats over a stretch that is short enough for them, doubles over the stretches. */
    for (ptrdiff_t first = 0; first < count; first += 64 * LANES) {
        const ptrdiff_t end = count - first < 64 * LANES ? count : first + 64 * LANES;
        vector sum = {0}, v, w = {0};
        for (ptrdiff_t i = first; i < end; i += LANES) {
            load_row(&v, x + i, end - i);
            if (y) load_row(&w, y + i, end - i);
            v -= w;
            sum += v * v;
        }
        float values[LANES];
        store(values, &sum);
        for (int i = 0; i < LANES; i++) total += values[i];
    }
    if (total <= DBL_MAX) return total;
    /* Squares of floats that are no floats themselves. */
    total = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        const double difference = (double)x[i] - (y ? (double)y[i] : 0);
        total += difference * difference;
    }
    return total;
}

FOR_EACH_PROCESSOR
void shim_row_dots(const float *x, const float *last, ptrdiff_t rows, ptrdiff_t width, const float *column,
                   float corner, float beta, float *sums) {
    for (ptrdiff_t row = 0; row < rows; row++, x += width) {
        vector total = {0}, v, w;
        for (ptrdiff_t i = 0; i < width; i += LANES) {
            load_row(&v, x + i, width - i);
            load_row(&w, column + i, width - i);
            total += v * w;
        }
        const float sum = (last ? last[row] : 1.0f) * corner + sum_of_lanes(&total);
        sums[row] = beta == 0 ? sum : beta * sums[row] + sum;
    }
}
