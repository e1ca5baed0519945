#include "kernels.h"
#include "vector.h"

#include <math.h>
#include <string.h>

static const ints lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

INLINE void rectified(vector *z, float slope) {
    vector scaled = *z * slope;
    ints positive = *z > 0;
    select(z, &positive, z, &scaled);
}

FOR_EACH_PROCESSOR
void shim_rectify(float *z, ptrdiff_t rows, ptrdiff_t width, const float *bias, float slope) {
    const ptrdiff_t whole = width / LANES * LANES, rest = width - whole;
    const ints inside = lane < (int32_t)rest;
    float tail[LANES] = {0};
    if (bias && rest) memcpy(tail, bias + whole, (size_t)rest * sizeof *tail);
    vector tail_bias;
    load(&tail_bias, tail);
    for (ptrdiff_t row = 0; row < rows; row++, z += width) {
        for (ptrdiff_t i = 0; i < whole; i += LANES) {
            vector v, b = {0};
            load(&v, z + i);
            if (bias) load(&b, bias + i);
            v += b;
            rectified(&v, slope);
            store(z + i, &v);
        }
        if (!rest) continue;
        vector before, v;
        if ((rows - row) * width - whole >= LANES) {
            load(&before, z + whole);
            v = before + tail_bias;
            rectified(&v, slope);
            select(&v, &inside, &v, &before);
            store(z + whole, &v);
        } else {
            load_some(&v, z + whole, rest);
            v += tail_bias;
            rectified(&v, slope);
            store_some(z + whole, &v, rest);
        }
    }
}

FOR_EACH_PROCESSOR
void shim_add_bias(float *z, ptrdiff_t rows, ptrdiff_t width, const float *bias) {
    for (ptrdiff_t row = 0; row < rows; row++, z += width) {
        for (ptrdiff_t i = 0; i < width; i++) z[i] += bias[i];
    }
}

FOR_EACH_PROCESSOR
void shim_rectify_derivative(float *delta, const float *h, ptrdiff_t count, float slope) {
    for (ptrdiff_t i = 0; i < count; i++) delta[i] *= h[i] > 0 ? 1.0f : slope;
}

FOR_EACH_PROCESSOR
void shim_column_sums(const float *x, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t stride, float alpha, float beta,
                      float *sum) {
    for (ptrdiff_t first = 0; first < width; first += LANES) {
        const ptrdiff_t count = width - first < LANES ? width - first : LANES;
        vector even = {0}, odd = {0}, v;
        /* Rows that a vector can be loaded from. */
        ptrdiff_t row = 0, safe = rows;
        while (safe > 0 && (rows - safe) * stride + count < LANES) safe--;
        for (; row + 1 < safe; row += 2) {
            load(&v, x + row * stride + first);
            even += v;
            load(&v, x + (row + 1) * stride + first);
            odd += v;
        }
        for (; row < rows; row++) {
            if (row < safe) {
                load(&v, x + row * stride + first);
            } else {
                load_some(&v, x + row * stride + first, count);
            }
            even += v;
        }
        even = (even + odd) * alpha;
        float values[LANES];
        store(values, &even);
        /* Not beta * sum for 0: sum may hold anything then. */
        for (ptrdiff_t i = 0; i < count; i++) sum[first + i] = (beta == 0 ? 0 : beta * sum[first + i]) + values[i];
    }
}

/* Without their sign, the bits of floats are in the order of the floats, and NaN comes last. */
FOR_EACH_PROCESSOR
float shim_largest_magnitude(const float *x, ptrdiff_t count) {
    int32_t most = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        int32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= 0x7fffffff;
        most = bits > most ? bits : most;
    }
    float largest;
    memcpy(&largest, &most, sizeof largest);
    return largest;
}

/* exp(x) for x <= 0: 2^n exp(r), |r| <= ln 2 / 2, the polynomial a minimax of degree 6. Under -87.3 it is 0.
 * NaN stays NaN, whatever its lower bits are. */
INLINE void exponential(vector *x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
    ints small = *x < -87.3f, known = *x == *x;
    const vector before = *x;
    vector shifted = *x * 1.44269504088896341f + magic;
    ints n;
    memcpy(&n, &shifted, sizeof n);
    vector whole = shifted - magic;
    vector r = *x - whole * 0.693359375f - whole * -2.12194440e-4f;
    vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    ints bits;
    memcpy(&bits, &p, sizeof bits);
    bits += n << 23;
    bits &= ~small;
    memcpy(x, &bits, sizeof bits);
    select(x, &known, x, &before);
}

INLINE float largest(const vector *v) {
    float values[LANES];
    memcpy(values, v, sizeof values);
    for (int step = LANES / 2; step; step /= 2) {
        for (int i = 0; i < step; i++) values[i] = values[i] > values[i + step] ? values[i] : values[i + step];
    }
    return values[0];
}

/* The largest of a row, and NaN where a NaN is met last; what comes of a NaN is NaN in any case. `left`: elements from
 * the row's first to the end of the last row. */
INLINE float row_largest(const float *z, ptrdiff_t width, ptrdiff_t left) {
    vector best = {0}, v;
    best += -INFINITY;
    for (ptrdiff_t i = 0; i < width; i += LANES) {
        const ptrdiff_t count = width - i < LANES ? width - i : LANES;
        if (left - i < LANES) {
            load_some(&v, z + i, count);
        } else {
            load(&v, z + i);
        }
        const ints inside = lane < (int32_t)count;
        select(&v, &inside, &v, &best);
        ints more = v > best;
        select(&best, &more, &v, &best);
    }
    return largest(&best);
}

/* out = exp(z - top) for one row, if out is given; returns the sum. `spill`: lanes after the row in out may be written
 * where there are that many, because the next rows' come after them. */
INLINE double row_exponentials(const float *z, ptrdiff_t width, ptrdiff_t left, float top, float *out, int spill) {
    double sum = 0;
    for (ptrdiff_t i = 0; i < width; i += LANES) {
        const ptrdiff_t count = width - i < LANES ? width - i : LANES;
        vector v, nothing = {0};
        if (left - i < LANES) {
            load_some(&v, z + i, count);
        } else {
            load(&v, z + i);
        }
        v -= top;
        exponential(&v);
        const ints inside = lane < (int32_t)count;
        select(&v, &inside, &v, &nothing);
        if (out) {
            if (count == LANES || (spill && left - i >= LANES)) {
                store(out + i, &v);
            } else {
                store_some(out + i, &v, count);
            }
        }
        float values[LANES];
        memcpy(values, &v, sizeof values);
        double parts[4] = {0, 0, 0, 0};
        for (int j = 0; j < LANES; j += 4) {
            for (int k = 0; k < 4; k++) parts[k] += (double)values[j + k];
        }
        sum += (parts[0] + parts[1]) + (parts[2] + parts[3]);
    }
    return sum;
}

FOR_EACH_PROCESSOR
double shim_cross_entropy(const float *z, ptrdiff_t rows, ptrdiff_t width, const int32_t *labels,
                          const float *weights, double factor, float *delta) {
    double total = 0, weighted = 0, product = 1;
    for (ptrdiff_t row = 0; row < rows; row++, z += width) {
        const double weight = weights ? (double)weights[row] : 1;
        float *out = delta ? delta + row * width : NULL;
        const ptrdiff_t left = (rows - row) * width;
        const float top = row_largest(z, width, left);
        const double sum = row_exponentials(z, width, left, top, out, 1);
        const double margin = (double)z[labels[row]] - (double)top;
        if (weights) {
            /* A sample of weight 0 has no share, even where its loss is infinite. */
            if (weight > 0) weighted += weight * (log(sum) - margin);
        } else {
            /* ln a + ln b = ln(a b): one logarithm for many rows. Each sum is 1 to width. */
            product *= sum;
            total -= margin;
            if (!(product < 1e200)) {
                total += log(product);
                product = 1;
            }
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
    return factor * (weights ? weighted : total + log(product));
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
        const float top = row_largest(z, width, left);
        const float scale = (float)(1 / row_exponentials(z, width, left, top, z, 0));
        for (ptrdiff_t i = 0; i < width; i++) z[i] *= scale;
    }
}

FOR_EACH_PROCESSOR
void shim_adaptive_step(float *restrict weights, const float *restrict gradient, float *restrict moments,
                        float *restrict squares, ptrdiff_t count, const shim_adaptive *step) {
    const shim_adaptive s = *step;
    if (moments) {
        for (ptrdiff_t i = 0; i < count; i++) {
            const float slope = gradient[i] + s.decay * weights[i];
            const float moment = s.beta1 * moments[i] + s.rest1 * slope;
            const float square = s.beta2 * squares[i] + s.rest2 * slope * slope;
            moments[i] = moment;
            squares[i] = square;
            weights[i] = s.kept * weights[i] - s.rate * moment / (s.root * __builtin_sqrtf(square) + s.epsilon);
        }
    } else {
        for (ptrdiff_t i = 0; i < count; i++) {
            const float slope = gradient[i] + s.decay * weights[i];
            const float square = s.beta2 * squares[i] + s.rest2 * slope * slope;
            squares[i] = square;
            weights[i] = s.kept * weights[i] - s.rate * slope / (s.root * __builtin_sqrtf(square) + s.epsilon);
        }
    }
}

FOR_EACH_PROCESSOR
void shim_adaptive_move(float *restrict gradient, float *restrict moments, float *restrict squares, ptrdiff_t count,
                        const shim_adaptive *step) {
    const shim_adaptive s = *step;
    if (moments) {
        for (ptrdiff_t i = 0; i < count; i++) {
            const float slope = gradient[i];
            const float moment = s.beta1 * moments[i] + s.rest1 * slope;
            const float square = s.beta2 * squares[i] + s.rest2 * slope * slope;
            moments[i] = moment;
            squares[i] = square;
            gradient[i] = -s.rate * moment / (s.root * __builtin_sqrtf(square) + s.epsilon);
        }
    } else {
        for (ptrdiff_t i = 0; i < count; i++) {
            const float slope = gradient[i];
            const float square = s.beta2 * squares[i] + s.rest2 * slope * slope;
            squares[i] = square;
            gradient[i] = -s.rate * slope / (s.root * __builtin_sqrtf(square) + s.epsilon);
        }
    }
}
