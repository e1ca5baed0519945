#include "kernels.h"
#include "vector.h"

#include <string.h>

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

FOR_EACH_PROCESSOR
void shim_momentum_step(float *restrict weights, float *restrict moments, ptrdiff_t count, float rate, float decay) {
    if (decay == 0) {
        for (ptrdiff_t i = 0; i < count; i++) weights[i] -= rate * moments[i];
        return;
    }
    for (ptrdiff_t i = 0; i < count; i++) {
        const float moment = moments[i] + decay * weights[i];
        moments[i] = moment;
        weights[i] -= rate * moment;
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
