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

typedef float quad __attribute__((vector_size(16)));

/* The sums of the lanes of four vectors. */
INLINE void sums_of_lanes(const vector *v, float *sums) {
    quad total[4], part[4];
    for (int i = 0; i < 4; i++) {
        memcpy(part, v + i, sizeof part);
        total[i] = (part[0] + part[1]) + (part[2] + part[3]);
    }
    const quad left = __builtin_shufflevector(total[0], total[1], 0, 4, 1, 5) +
                      __builtin_shufflevector(total[0], total[1], 2, 6, 3, 7);
    const quad right = __builtin_shufflevector(total[2], total[3], 0, 4, 1, 5) +
                       __builtin_shufflevector(total[2], total[3], 2, 6, 3, 7);
    const quad all = __builtin_shufflevector(left, right, 0, 1, 4, 5) +
                     __builtin_shufflevector(left, right, 2, 3, 6, 7);
    memcpy(sums, &all, sizeof all);
}

INLINE float sum_of_lanes(const vector *v) {
    const vector all[4] = {*v};
    float sums[4];
    sums_of_lanes(all, sums);
    return sums[0];
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

/* target = beta * target + alpha * x for a vector; sum += x . column */
INLINE void add_and_sum(const float *x, const float *column, float alpha, float beta, float *target, vector *sum) {
    vector v, w;
    load(&v, x);
    load(&w, column);
    *sum += v * w;
    load(&w, target);
    w = w * beta + v * alpha;
    store(target, &w);
}

FOR_EACH_PROCESSOR
void shim_add_sheared_rows(const float *x, const float *last, ptrdiff_t rows, ptrdiff_t width,
                           const float *column_shift, float alpha, float beta, float *target, float *last_target) {
    const ptrdiff_t pairs = width / (2 * LANES) * 2 * LANES;
    for (ptrdiff_t row = 0; row < rows; row++, x += width, target += width) {
        vector even = {0}, odd = {0}, v, w;
        ptrdiff_t i = 0;
        for (; i < pairs; i += 2 * LANES) {
            add_and_sum(x + i, column_shift + i, alpha, beta, target + i, &even);
            add_and_sum(x + i + LANES, column_shift + i + LANES, alpha, beta, target + i + LANES, &odd);
        }
        for (; i + LANES <= width; i += LANES) add_and_sum(x + i, column_shift + i, alpha, beta, target + i, &even);
        if (i < width) {
            load_some(&v, x + i, width - i);
            load_some(&w, column_shift + i, width - i);
            odd += v * w;
            load_some(&w, target + i, width - i);
            w = w * beta + v * alpha;
            store_some(target + i, &w, width - i);
        }
        even += odd;
        last_target[row] = beta * last_target[row] + alpha * (last[row] + sum_of_lanes(&even));
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
double shim_sheared_distance(const float *x, const float *y, const float *last_x, const float *last_y, ptrdiff_t rows,
                             ptrdiff_t width, const float *column) {
    double total = 0;
    for (ptrdiff_t row = 0; row < rows; row++, x += width, y += width) {
        vector squares = {0}, sum = {0}, v, w;
        for (ptrdiff_t i = 0; i < width; i += LANES) {
            load_row(&v, x + i, width - i);
            load_row(&w, y + i, width - i);
            v -= w;
            squares += v * v;
            load_row(&w, column + i, width - i);
            sum += v * w;
        }
        const double last = (double)last_x[row] - last_y[row] + sum_of_lanes(&sum);
        total += sum_of_lanes(&squares) + last * last;
    }
    return total;
}

/* One row is summed as each of four. */
INLINE void dots_of_rows(int count, const float *x, ptrdiff_t width, const float *column, float *found) {
    vector total[4] = {0}, v, w;
    for (ptrdiff_t i = 0; i < width; i += LANES) {
        load_row(&w, column + i, width - i);
        for (int j = 0; j < count; j++) {
            load_row(&v, x + j * width + i, width - i);
            total[j] += v * w;
        }
    }
    sums_of_lanes(total, found);
}

FOR_EACH_PROCESSOR
void shim_row_dots(const float *x, const float *last, ptrdiff_t rows, ptrdiff_t width, const float *column,
                   float corner, float alpha, float beta, float *sums) {
    for (ptrdiff_t row = 0, count; row < rows; row += count, x += count * width) {
        float found[4];
        count = rows - row >= 4 ? 4 : 1;
        if (count == 4) dots_of_rows(4, x, width, column, found);
        else dots_of_rows(1, x, width, column, found);
        for (ptrdiff_t j = 0; j < count; j++) {
            const float sum = alpha * ((last ? last[row + j] : 1.0f) * corner + found[j]);
            sums[row + j] = beta == 0 ? sum : beta * sums[row + j] + sum;
        }
    }
}

FOR_EACH_PROCESSOR
void shim_scaled_sum(const float *restrict x, float factor, const float *restrict y, float factor_y, float beta,
                     ptrdiff_t count, float *restrict out) {
    if (beta == 0) {
        for (ptrdiff_t i = 0; i < count; i++) out[i] = factor * x[i];
    } else {
        for (ptrdiff_t i = 0; i < count; i++) out[i] = beta * out[i] + factor * x[i];
    }
    if (!y) return;
    for (ptrdiff_t i = 0; i < count; i++) out[i] += factor_y * y[i];
}
