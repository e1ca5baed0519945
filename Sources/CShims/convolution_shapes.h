/* What the files of convolutions share: where images and weights lie, and how many floats a vector holds. */
#ifndef TP_CONVOLUTION_SHAPES_H
#define TP_CONVOLUTION_SHAPES_H

#include "convolution.h"

#include <string.h>

#define CONCATENATED(a, b) a##b
#define JOINED(a, b) CONCATENATED(a, b)
#define INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 32")

enum {
    MOST_LANES = 16,
    MOST_PAIRS = 512,
    BLOCK = 1 << 17 /* floats that stay in the second-level cache */
};

INLINE ptrdiff_t processor_lanes(void) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f")) return 16;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#endif
    return 4;
}

#ifdef __x86_64__
#define FOR_THIS_PROCESSOR(function, ...)                        \
    if (processor_lanes() == 16) function##_16(__VA_ARGS__);     \
    else if (processor_lanes() == 8) function##_8(__VA_ARGS__);  \
    else function##_4(__VA_ARGS__)
#else
#define FOR_THIS_PROCESSOR(function, ...) function##_4(__VA_ARGS__)
#endif

INLINE ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
INLINE ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
INLINE ptrdiff_t padded(ptrdiff_t columns) { return (columns + MOST_LANES - 1) / MOST_LANES * MOST_LANES; }
INLINE ptrdiff_t in_group(const shim_convolution *s) { return s->in_channels / s->groups; }
INLINE ptrdiff_t out_group(const shim_convolution *s) { return s->out_channels / s->groups; }
INLINE ptrdiff_t taps(const shim_convolution *s) { return s->kernel_height * s->kernel_width; }

INLINE int is_depthwise(const shim_convolution *s) {
    return s->groups > 1 && s->groups == s->in_channels && s->groups == s->out_channels;
}

/* An image as it is stored. */
typedef struct {
    ptrdiff_t pixel, row, sample, first;
} storage;

INLINE storage stored(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, ptrdiff_t border) {
    const ptrdiff_t row = (width + 2 * border) * channels;
    return (storage){channels, row, (height + 2 * border) * row, border * row + border * channels};
}

INLINE storage input_of(const shim_convolution *s) {
    return stored(s->in_channels, s->in_height, s->in_width, s->in_border);
}

INLINE storage output_of(const shim_convolution *s) {
    return stored(s->out_channels, s->out_height, s->out_width, s->out_border);
}

/* Where the first output's first tap stands. */
INLINE ptrdiff_t first_tap(const shim_convolution *s, const storage *in) {
    return in->first - s->padding_height * in->row - s->padding_width * in->pixel;
}

/* One direction of the gradient by the input: inputs that are `stride` apart read every stride-th tap and neighbouring
 * deltas. */
typedef struct {
    ptrdiff_t taps;    /* tap `phase`, then every stride-th */
    ptrdiff_t first;   /* input */
    ptrdiff_t count;   /* of inputs */
    ptrdiff_t delta;   /* that the first input's last tap reads; it may lie in the border */
} phase;

INLINE phase phase_of(ptrdiff_t number, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t padding, ptrdiff_t inputs) {
    phase p;
    p.taps = number < kernel ? (kernel - number + stride - 1) / stride : 0;
    p.first = ((number - padding) % stride + stride) % stride;
    p.count = p.first < inputs ? (inputs - p.first + stride - 1) / stride : 0;
    p.delta = (p.first + padding) / stride - (p.taps - 1);
    return p;
}

INLINE phase row_phase(const shim_convolution *s, ptrdiff_t number) {
    return phase_of(number, s->kernel_height, s->stride, s->padding_height, s->in_height);
}

INLINE phase column_phase(const shim_convolution *s, ptrdiff_t number) {
    return phase_of(number, s->kernel_width, s->stride, s->padding_width, s->in_width);
}

/* Whether a vector holds two rows of the packed weights, of which there are `runs` of `channels`. */
INLINE int is_paired(ptrdiff_t lanes, ptrdiff_t columns, ptrdiff_t channels, ptrdiff_t runs) {
    return columns <= lanes / 2 && channels > 1 && runs * ((channels + 1) / 2) <= MOST_PAIRS;
}

#endif
