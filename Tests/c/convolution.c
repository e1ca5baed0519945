/* The convolution kernels of every copy that this processor can run, against plain sums in double: hundreds of made-up
 * shapes; borders and what lies beside the images stay as they are. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The copy under test: 16, 8 or 4 lanes at most. */
static int most_lanes;

static int has_lanes(int lanes) {
#ifdef __x86_64__
    if (lanes == 16) return __builtin_cpu_supports("avx512f") != 0;
    if (lanes == 8) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return lanes == 4;
}

static int supports(const char *feature) {
    const int lanes = strcmp(feature, "avx512f") == 0 ? 16 : 8;
    return lanes <= most_lanes && has_lanes(lanes);
}

#define __builtin_cpu_supports(feature) supports(feature)
#include "../../Sources/CShims/convolution.c"
#include "../../Sources/CShims/convolution_gradient.c"
#include "../../Sources/CShims/convolution_pack.c"

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

static ptrdiff_t draw(ptrdiff_t from, ptrdiff_t to) {
    seed = seed * 1664525u + 1013904223u;
    return from + (ptrdiff_t)(seed >> 8) % (to - from + 1);
}

static float number(void) { return (float)draw(0, (1 << 24) - 1) / 8388608.0f - 1; }

static block random_block(ptrdiff_t count) {
    block b = {malloc((size_t)(count + 2 * GUARD) * sizeof(float) + 1), NULL, count};
    if (!b.start) exit(2);
    b.values = b.start + GUARD;
    for (ptrdiff_t i = 0; i < count + 2 * GUARD; i++) b.start[i] = guard;
    for (ptrdiff_t i = 0; i < count; i++) b.values[i] = number();
    return b;
}

/* Whether the guards stand; the block is freed. */
static int done(block b) {
    int stand = 1;
    for (int i = 0; i < GUARD; i++) stand &= b.start[i] == guard && b.values[b.count + i] == guard;
    free(b.start);
    return stand;
}

/* Where sample n's value of channel c at row y and column x stands. */
static ptrdiff_t at(const storage *s, ptrdiff_t n, ptrdiff_t y, ptrdiff_t x, ptrdiff_t c) {
    return s->first + n * s->sample + y * s->row + x * s->pixel + c;
}

/* An image with `outside` in its border. */
static block image(const storage *s, ptrdiff_t samples, ptrdiff_t height, ptrdiff_t width, float outside) {
    const block inside = random_block(samples * s->sample), b = random_block(samples * s->sample);
    for (ptrdiff_t i = 0; i < b.count; i++) b.values[i] = outside;
    for (ptrdiff_t n = 0; n < samples; n++) {
        for (ptrdiff_t y = 0; y < height; y++) {
            const ptrdiff_t row = at(s, n, y, 0, 0);
            memcpy(b.values + row, inside.values + row, (size_t)(width * s->pixel) * sizeof(float));
        }
    }
    done(inside);
    return b;
}

/* Sums in double with what bounds their error, one pair an element. */
typedef struct {
    double sum, size;
} term;

static void add(term *t, double value) {
    t->sum += value;
    t->size += fabs(value);
}

static long wrong(const term *expected, const float *got, ptrdiff_t count, int has_border) {
    long found = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        /* Nothing was summed: a border. */
        if (has_border && expected[i].size == 0) found += got[i] != guard;
        else found += !(fabs((double)got[i] - expected[i].sum) <= 2e-6 * expected[i].size);
    }
    return found;
}

/* Everything that one shape can be asked for. */
static void check_shape(const shim_convolution *s, ptrdiff_t samples) {
    const storage in = input_of(s), out = output_of(s);
    const ptrdiff_t inputs = s->in_channels / s->groups, outputs = s->out_channels / s->groups, area = taps(s);
    const ptrdiff_t weight_count = s->out_channels * inputs * area, rows = shim_convolution_gradient_rows(s);
    const block x = image(&in, samples, s->in_height, s->in_width, 0);
    const block delta = image(&out, samples, s->out_height, s->out_width, 0);
    const block weights = random_block(weight_count), bias = random_block(s->out_channels);
    const block y = image(&out, samples, s->out_height, s->out_width, guard);
    const block below = image(&in, samples, s->in_height, s->in_width, guard);
    const block gradient = random_block(weight_count);
    const block forward = random_block(shim_convolution_forward_count(s));
    const block back = random_block(shim_convolution_back_count(s));
    const int adds = (int)draw(0, 1), has_bias = (int)draw(0, 1);
    const float slope = draw(0, 1) ? 1 : 0.25f, alpha = draw(0, 1) ? 1 : -0.5f, beta = 0.5f * (float)draw(0, 2);
    term *expected_y = calloc((size_t)y.count, sizeof(term));
    term *expected_below = calloc((size_t)below.count, sizeof(term));
    term *expected_gradient = calloc((size_t)weight_count, sizeof(term));
    if (!expected_y || !expected_below || !expected_gradient) exit(2);

    for (ptrdiff_t n = 0; n < samples; n++) {
        for (ptrdiff_t v = 0; v < s->in_height; v++) {
            for (ptrdiff_t u = 0; u < s->in_width; u++) {
                for (ptrdiff_t c = 0; c < s->in_channels; c++) {
                    const ptrdiff_t i = at(&in, n, v, u, c);
                    expected_below[i].size = 1e-9;
                    if (adds) add(&expected_below[i], below.values[i]);
                }
            }
        }
        for (ptrdiff_t v = 0; v < s->out_height; v++) {
            for (ptrdiff_t u = 0; u < s->out_width; u++) {
                for (ptrdiff_t o = 0; o < s->out_channels; o++) {
                    const ptrdiff_t i = at(&out, n, v, u, o), group = o / outputs;
                    term z = {0, 1e-9};
                    if (adds) add(&z, y.values[i]);
                    if (has_bias) add(&z, bias.values[o]);
                    for (ptrdiff_t t = 0; t < area; t++) {
                        const ptrdiff_t row = v * s->stride - s->padding_height + t / s->kernel_width;
                        const ptrdiff_t column = u * s->stride - s->padding_width + t % s->kernel_width;
                        if (row < 0 || row >= s->in_height || column < 0 || column >= s->in_width) continue;
                        for (ptrdiff_t c = 0; c < inputs; c++) {
                            const ptrdiff_t place = at(&in, n, row, column, group * inputs + c);
                            const ptrdiff_t w = (o * inputs + c) * area + t;
                            add(&z, (double)weights.values[w] * x.values[place]);
                            add(&expected_below[place], (double)weights.values[w] * delta.values[i]);
                            add(&expected_gradient[w], (double)alpha * x.values[place] * delta.values[i]);
                        }
                    }
                    if (z.sum < 0) z.sum *= slope;
                    expected_y[i] = z;
                }
            }
        }
    }

    shim_convolution_pack_forward(s, weights.values, forward.values);
    shim_convolution_pack_back(s, weights.values, back.values);
    /* In two shares. */
    const ptrdiff_t first = draw(0, samples);
    const float *biases = has_bias ? bias.values : NULL;
    shim_convolution_forward(s, x.values, first, forward.values, biases, slope, adds, y.values);
    shim_convolution_forward(s, x.values + first * in.sample, samples - first, forward.values, biases, slope, adds,
                             y.values + first * out.sample);
    shim_convolution_back(s, delta.values, first, back.values, adds, below.values);
    shim_convolution_back(s, delta.values + first * out.sample, samples - first, back.values, adds,
                          below.values + first * in.sample);
    for (ptrdiff_t i = 0; i < weight_count; i++) {
        if (beta == 0) gradient.values[i] = NAN;
        else add(&expected_gradient[i], (double)beta * gradient.values[i]);
        expected_gradient[i].size += 1e-9;
    }
    for (ptrdiff_t begin = 0, count; begin < rows; begin += count) {
        count = draw(1, rows - begin);
        shim_convolution_gradient(s, x.values, delta.values, samples, begin, count, alpha, beta, gradient.values);
    }
    const int right = CHECK_EQUAL(wrong(expected_y, y.values, y.count, 1), 0) &
                      CHECK_EQUAL(wrong(expected_below, below.values, below.count, 1), 0) &
                      CHECK_EQUAL(wrong(expected_gradient, gradient.values, weight_count, 0), 0);
    if (!right) {
        printf("%d lanes, %td samples: %tdx%td stride %td pad %tdx%td groups %td, %tdx%tdx%td to %tdx%tdx%td\n",
               most_lanes, samples, s->kernel_height, s->kernel_width, s->stride, s->padding_height, s->padding_width,
               s->groups, s->in_channels, s->in_height, s->in_width, s->out_channels, s->out_height, s->out_width);
    }
    free(expected_y), free(expected_below), free(expected_gradient);
    CHECK(done(x) & done(delta) & done(weights) & done(bias) & done(y) & done(below) & done(gradient) & done(forward) &
          done(back));
}

/* A made-up shape with this many inputs and outputs of a group; 0 where the kernel is larger than the image. */
static int random_shape(shim_convolution *s, ptrdiff_t inputs, ptrdiff_t outputs, ptrdiff_t groups) {
    *s = (shim_convolution){
        .kernel_height = draw(1, 5), .kernel_width = draw(1, 5),
        .stride = draw(1, 3), .padding_height = draw(0, 3), .padding_width = draw(0, 3),
        .groups = groups, .in_channels = inputs * groups, .in_height = draw(1, 10), .in_width = draw(1, 10),
        .out_channels = outputs * groups,
    };
    const ptrdiff_t height = s->in_height + 2 * s->padding_height - s->kernel_height;
    const ptrdiff_t width = s->in_width + 2 * s->padding_width - s->kernel_width;
    if (height < 0 || width < 0) return 0;
    s->out_height = height / s->stride + 1;
    s->out_width = width / s->stride + 1;
    s->in_border = most(s->padding_height, s->padding_width) + draw(0, 1);
    s->out_border = shim_convolution_back_border(s) + draw(0, 1);
    return 1;
}

int main(void) {
    static const ptrdiff_t counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40, 48, 65};
    enum { COUNTS = sizeof counts / sizeof *counts };
    for (most_lanes = 16; most_lanes >= 4; most_lanes /= 2) {
        if (!has_lanes(most_lanes)) continue;
        printf("%d lanes\n", most_lanes);
        shim_convolution s;
        for (int i = 0; i < COUNTS; i++) {
            for (int j = 0; j < COUNTS; j++) {
                if (random_shape(&s, counts[i], counts[j], 1)) check_shape(&s, draw(1, 3));
            }
            for (int repetition = 0; repetition < 12; repetition++) {
                if (random_shape(&s, draw(1, 6), counts[i], draw(2, 4))) check_shape(&s, draw(1, 3));
                if (random_shape(&s, 1, 1, counts[i])) check_shape(&s, draw(1, 3));
            }
        }
        /* More rows of weights than go in pairs. */
        s = (shim_convolution){5, 5, 1, 2, 2, 1, 65, 6, 5, 2, 1, 6, 5, 2};
        check_shape(&s, 2);
        /* More than one block of samples. */
        s = (shim_convolution){3, 3, 1, 1, 1, 1, 5, 60, 60, 1, 6, 60, 60, 1};
        check_shape(&s, 9);
    }
    return check_finish();
}
