#include "functions.h"
#include "kernels.h"

#include <math.h>

typedef double doubles __attribute__((vector_size(128)));
typedef double quad __attribute__((vector_size(32)));

/* The largest of a vector, and NaN where a NaN is met last; what comes of a NaN is NaN in any case. */
INLINE float largest(const vector *v) {
    vector best = *v, other;
    ints more;
#define HALVE(...)                                           \
    other = __builtin_shufflevector(best, best, __VA_ARGS__); \
    more = best > other;                                     \
    select(&best, &more, &best, &other)
    HALVE(8, 9, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1);
    HALVE(4, 5, 6, 7, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    HALVE(2, 3, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    HALVE(1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
#undef HALVE
    return best[0];
}

INLINE double total(const vector *v) {
    const doubles all = __builtin_convertvector(*v, doubles);
    quad part[4];
    memcpy(part, &all, sizeof all);
    const quad sum = part[0] + part[1] + part[2] + part[3];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* `left`: elements from here to the end of the last row. */
INLINE void load_part(vector *v, const float *z, ptrdiff_t count, ptrdiff_t left) {
    if (left < LANES) load_some(v, z, count);
    else load(v, z);
}

/* `spill`: lanes after the row may be written where there are that many, because the next rows' come after them. */
INLINE void store_part(float *out, const vector *v, ptrdiff_t count, ptrdiff_t left, int spill) {
    if (count == LANES || (spill && left >= LANES)) store(out, v);
    else store_some(out, v, count);
}

/* A row of up to a vector: out = exp(z - largest), zeros after the row. */
INLINE float short_row(const float *z, ptrdiff_t width, ptrdiff_t left, vector *out) {
    const vector nothing = {0};
    vector v, lowest;
    fill(&lowest, -INFINITY);
    load_part(&v, z, width, left);
    const ints inside = lane < (int32_t)width;
    select(&v, &inside, &v, &lowest);
    const float top = largest(&v);
    v -= top;
    exponential(&v);
    select(out, &inside, &v, &nothing);
    return top;
}

INLINE float row_largest(const float *z, ptrdiff_t width, ptrdiff_t left) {
    vector best, v;
    fill(&best, -INFINITY);
    for (ptrdiff_t i = 0; i < width; i += LANES) {
        const ptrdiff_t count = width - i < LANES ? width - i : LANES;
        load_part(&v, z + i, count, left - i);
        const ints inside = lane < (int32_t)count;
        select(&v, &inside, &v, &best);
        ints more = v > best;
        select(&best, &more, &v, &best);
    }
    return largest(&best);
}

/* out = exp(z - top) for one row, if out is given; returns the sum. */
INLINE double row_exponentials(const float *z, ptrdiff_t width, ptrdiff_t left, float top, float *out, int spill) {
    double sum = 0;
    for (ptrdiff_t i = 0; i < width; i += LANES) {
        const ptrdiff_t count = width - i < LANES ? width - i : LANES;
        vector v, nothing = {0};
        load_part(&v, z + i, count, left - i);
        v -= top;
        exponential(&v);
        const ints inside = lane < (int32_t)count;
        select(&v, &inside, &v, &nothing);
        if (out) store_part(out + i, &v, count, left - i, spill);
        sum += total(&v);
    }
    return sum;
}

/* The sum of ln a, b, c... as ln(a b c...): one logarithm for many rows. Each factor is 1 to a row's width. */
typedef struct logarithms {
    double sum, product;
} logarithms;

INLINE void add_logarithm(logarithms *all, double factor) {
    all->product *= factor;
    if (__builtin_expect(!(all->product < 1e200), 0)) {
        all->sum += log(all->product);
        all->product = 1;
    }
}

/* Rows of up to a vector, which stay in a register from beginning to end; apart from the others, whose loops would take
 * the registers. */
FOR_EACH_PROCESSOR
static double short_rows(const float *z, ptrdiff_t rows, ptrdiff_t width, const int32_t *labels, double factor,
                         float *delta) {
    logarithms all = {0, 1};
    const float share = (float)factor;
    for (ptrdiff_t row = 0; row < rows; row++, z += width) {
        const ptrdiff_t left = (rows - row) * width;
        vector v;
        const float top = short_row(z, width, left, &v);
        const double sum = total(&v);
        add_logarithm(&all, sum);
        all.sum -= (double)z[labels[row]] - (double)top;
        if (!delta) continue;
        v *= (float)(factor / sum);
        store_part(delta, &v, width, left, 1);
        delta[labels[row]] -= share;
        delta += width;
    }
    return factor * (all.sum + log(all.product));
}

FOR_EACH_PROCESSOR
double shim_cross_entropy(const float *z, ptrdiff_t rows, ptrdiff_t width, const int32_t *labels,
                          const float *weights, double factor, float *delta) {
    if (width <= LANES && !weights) return short_rows(z, rows, width, labels, factor, delta);
    logarithms all = {0, 1};
    for (ptrdiff_t row = 0; row < rows; row++, z += width) {
        const double weight = weights ? (double)weights[row] : 1;
        float *out = delta ? delta + row * width : NULL;
        const ptrdiff_t left = (rows - row) * width;
        const float top = row_largest(z, width, left);
        const double sum = row_exponentials(z, width, left, top, out, 1);
        const double margin = (double)z[labels[row]] - (double)top;
        /* A sample of weight 0 has no share, even where its loss is infinite. */
        if (!weights) {
            add_logarithm(&all, sum);
            all.sum -= margin;
        } else if (weight > 0) {
            all.sum += weight * (log(sum) - margin);
        }
        if (!out) continue;
        const float share = (float)(weight * factor), scale = (float)(weight * factor / sum);
        if (weight > 0) {
            for (ptrdiff_t i = 0; i < width; i++) out[i] *= scale;
            out[labels[row]] -= share;
        } else {
            memset(out, 0, (size_t)width * sizeof *out);
        }
    }
    return factor * (all.sum + log(all.product));
}

FOR_EACH_PROCESSOR
double shim_label_smoothing(const float *z, ptrdiff_t rows, ptrdiff_t width, const int32_t *labels,
                            const float *weights, double factor, double smoothing, float *delta) {
    double total = 0;
    for (ptrdiff_t row = 0; row < rows; row++, z += width) {
        const double share = smoothing * (weights ? (double)weights[row] : 1);
        if (!(share > 0)) continue;
        double sum = 0;
        for (ptrdiff_t i = 0; i < width; i++) sum += (double)z[i];
        total += share * ((double)z[labels[row]] - sum / (double)width);
        if (!delta) continue;
        float *out = delta + row * width;
        const float spread = (float)(factor * share / (double)width);
        for (ptrdiff_t i = 0; i < width; i++) out[i] -= spread;
        out[labels[row]] += (float)(factor * share);
    }
    return factor * total;
}

FOR_EACH_PROCESSOR
void shim_softmax(float *z, ptrdiff_t rows, ptrdiff_t width) {
    for (ptrdiff_t row = 0; row < rows; row++, z += width) {
        const ptrdiff_t left = (rows - row) * width;
        if (width <= LANES) {
            vector v;
            short_row(z, width, left, &v);
            v *= (float)(1 / total(&v));
            store_part(z, &v, width, left, 0);
            continue;
        }
        const float top = row_largest(z, width, left);
        const float scale = (float)(1 / row_exponentials(z, width, left, top, z, 0));
        for (ptrdiff_t i = 0; i < width; i++) z[i] *= scale;
    }
}

FOR_EACH_PROCESSOR
double shim_squared_error(const float *output, const float *target, ptrdiff_t count, float factor, float *delta) {
    doubles sums = {0};
    for (ptrdiff_t i = 0; i < count; i += LANES) {
        const ptrdiff_t part = count - i < LANES ? count - i : LANES;
        vector difference, wanted;
        load_row(&difference, output + i, part);
        load_row(&wanted, target + i, part);
        difference -= wanted;
        const doubles exact = __builtin_convertvector(difference, doubles);
        sums += exact * exact;
        if (!delta) continue;
        difference *= factor;
        if (part == LANES) store(delta + i, &difference);
        else store_some(delta + i, &difference, part);
    }
    double sum = 0;
    for (int i = 0; i < LANES; i++) sum += sums[i];
    return sum;
}
