/* Exponential, tanh and sigmoid of sixteen floats, without branches or tables. What is not a number stays so,
 * infinities give their limits, and results and arguments may be denormal. Worst errors over all floats, in units in
 * the last place: exponential 1.03, sigmoid 2.41, tanh 1.34. */
#ifndef TP_FUNCTIONS_H
#define TP_FUNCTIONS_H

#include "vector.h"

INLINE void fill(vector *v, float value) {
    const vector zero = {0};
    *v = zero + value;
}

INLINE void power_of_two(vector *v, const ints *exponent) {
    const ints bits = (*exponent + 127) << 23;
    memcpy(v, &bits, sizeof *v);
}

/* exp(x) = 2^n exp(r), |r| <= ln 2 / 2, the polynomial a minimax of degree 6. 2^n is multiplied in two halves: a
 * float's exponent alone does not reach from the smallest denormal to infinity. */
INLINE void exponential(vector *x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
    const int32_t magic_bits = 0x4b400000;
    vector least, most;
    fill(&least, -104.0f); /* 0 from here down, infinity from there up; NaN passes both */
    fill(&most, 89.0f);
    ints outside = *x < least;
    select(x, &outside, &least, x);
    outside = *x > most;
    select(x, &outside, &most, x);
    const vector shifted = *x * 1.44269504088896341f + magic;
    ints n;
    memcpy(&n, &shifted, sizeof n);
    n -= magic_bits;
    const vector whole = shifted - magic;
    const vector r = *x - whole * 0.693359375f - whole * -2.12194440e-4f;
    vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const ints half = n >> 1, rest = n - half;
    vector first, second;
    power_of_two(&first, &half);
    power_of_two(&second, &rest);
    *x = p * first * second;
}

INLINE void magnitude(vector *out, const vector *x) {
    ints bits;
    memcpy(&bits, x, sizeof bits);
    bits &= 0x7fffffff;
    memcpy(out, &bits, sizeof bits);
}

/* 1 / (1 + exp(-x)), by t = exp(-|x|), which does not overflow: 1 / (1 + t) and t / (1 + t). */
INLINE void logistic(vector *x) {
    const ints negative = *x < 0;
    vector t;
    magnitude(&t, x);
    t = -t;
    exponential(&t);
    vector one;
    fill(&one, 1);
    const vector sum = t + 1;
    select(&t, &negative, &t, &one);
    *x = t / sum;
}

/* An odd polynomial near 0, where 1 - 2 / (exp(2 |x|) + 1) would lose digits; the sign is put back at the end. */
INLINE void hyperbolic_tangent(vector *x) {
    vector m, far;
    magnitude(&m, x);
    const ints near = m < 0.625f;
    ints bits, sign, magnitude_bits;
    far = m + m;
    exponential(&far);
    far = 1 - 2 / (far + 1);
    const vector z = m * m;
    vector p = z * -5.70498872745e-3f + 2.06390887954e-2f;
    p = p * z + -5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z + -3.33332819422e-1f;
    p = p * z * m + m;
    memcpy(&bits, x, sizeof bits);
    sign = bits & ~0x7fffffff;
    select(&p, &near, &p, &far);
    memcpy(&magnitude_bits, &p, sizeof bits);
    magnitude_bits |= sign;
    memcpy(x, &magnitude_bits, sizeof bits);
}

#endif
