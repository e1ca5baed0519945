#include "convolution_shapes.h"

enum { PIXELS = 8 }; /* of a tile of a depthwise convolution */

/* A convolution as the kernels see it: each output is a sum over rows of taps, neighbouring taps of a row and
 * neighbouring channels. Places are those of the first output's first tap, steps are floats. */
typedef struct {
    const float *values;
    ptrdiff_t pixel, row, sample; /* steps of the taps from one output to the next */
    ptrdiff_t tap_rows, tap_columns, tap_row, tap_column, channels; /* channels: of a tap, or of a row of taps */
    float *out;
    ptrdiff_t out_pixel, out_row, out_sample;
    ptrdiff_t width, height, samples, columns; /* columns: output channels */
    const float *packed, *bias;
    float slope;
    int adds;
} passage;

/* An output on the way through an image. */
typedef struct {
    const float *from;
    float *to;
    ptrdiff_t x, y;
} place;

/* The next `count` outputs; what follows, up to `rows`, is the last again, so that a tile has nothing to choose. */
INLINE void gather(place *at, const passage *p, int rows, int count, const float **from, float **to) {
    for (int i = 0; i < count;) {
        const ptrdiff_t left = p->width - at->x, run = left < count - i ? left : count - i;
        const float *source = at->from;
        float *target = at->to;
        for (const int end = i + (int)run; i < end; i++, source += p->pixel, target += p->out_pixel) {
            from[i] = source;
            to[i] = target;
        }
        at->x += run;
        at->from = source;
        at->to = target;
        if (at->x < p->width) continue;
        at->x = 0;
        at->from += p->row - p->width * p->pixel;
        at->to += p->out_row - p->width * p->out_pixel;
        if (++at->y < p->height) continue;
        at->y = 0;
        at->from += p->sample - p->height * p->row;
        at->to += p->out_sample - p->height * p->out_row;
    }
    for (int i = count; i < rows; i++) {
        from[i] = from[count - 1];
        to[i] = to[count - 1];
    }
}

/* Vectors of LANES floats, for processors that have them; a tile has SUMS sums. */
#ifdef __x86_64__
#define LANES 16
#define SUMS 28
#define TARGET __attribute__((target("avx512f")))
#include "convolution_body.h"
#define LANES 8
#define SUMS 12
#define TARGET __attribute__((target("avx2,fma")))
#include "convolution_body.h"
#endif
#define LANES 4
#define SUMS 12
#define TARGET
#include "convolution_body.h"

/* Blocks of samples that stay in the cache while one strip of columns after the other reads them. */
static void run(const passage *whole, int depthwise) {
    const ptrdiff_t block = most(BLOCK / most(whole->sample, 1), 1);
    for (ptrdiff_t n = 0; n < whole->samples; n += block) {
        passage p = *whole;
        p.values += n * p.sample;
        p.out += n * p.out_sample;
        p.samples = least(block, whole->samples - n);
        if (depthwise) {
            FOR_THIS_PROCESSOR(depthwise, &p);
        } else {
            FOR_THIS_PROCESSOR(convolve, &p);
        }
    }
}

/* Neighbouring taps of all channels are one row of numbers. */
static void merge_taps(passage *p) {
    if (p->tap_column != p->channels) return;
    p->channels *= p->tap_columns;
    p->tap_columns = 1;
}

void shim_convolution_forward(const shim_convolution *s, const float *input, ptrdiff_t samples, const float *packed,
                              const float *bias, float slope, int adds, float *output) {
    const storage in = input_of(s), out = output_of(s);
    const int depthwise = is_depthwise(s);
    const ptrdiff_t groups = depthwise ? 1 : s->groups;
    passage p = {
        .values = input + first_tap(s, &in),
        .pixel = s->stride * in.pixel, .row = s->stride * in.row, .sample = in.sample,
        .tap_rows = s->kernel_height, .tap_columns = s->kernel_width, .tap_row = in.row, .tap_column = in.pixel,
        .channels = in_group(s),
        .out = output + out.first, .out_pixel = out.pixel, .out_row = out.row, .out_sample = out.sample,
        .width = s->out_width, .height = s->out_height, .samples = samples,
        .columns = depthwise ? s->groups : out_group(s),
        .packed = packed, .bias = bias, .slope = slope, .adds = adds,
    };
    if (!depthwise) merge_taps(&p);
    for (ptrdiff_t group = 0; group < groups; group++) {
        run(&p, depthwise);
        p.values += in_group(s);
        p.out += p.columns;
        p.packed += taps(s) * in_group(s) * padded(p.columns);
        if (bias) p.bias += p.columns;
    }
}

void shim_convolution_back(const shim_convolution *s, const float *output_delta, ptrdiff_t samples,
                           const float *packed, int adds, float *input_delta) {
    const storage in = input_of(s), out = output_of(s);
    const int depthwise = is_depthwise(s);
    const ptrdiff_t groups = depthwise ? 1 : s->groups;
    const ptrdiff_t columns = depthwise ? s->groups : in_group(s), channels = out_group(s);
    for (ptrdiff_t group = 0; group < groups; group++) {
        for (ptrdiff_t row = 0; row < s->stride; row++) {
            for (ptrdiff_t column = 0; column < s->stride; column++) {
                const phase y = row_phase(s, row), x = column_phase(s, column);
                passage p = {
                    /* Without taps nothing is read. */
                    .values = output_delta + out.first + group * channels +
                              (y.taps && x.taps ? y.delta * out.row + x.delta * out.pixel : 0),
                    .pixel = out.pixel, .row = out.row, .sample = out.sample,
                    .tap_rows = y.taps, .tap_columns = x.taps, .tap_row = out.row, .tap_column = out.pixel,
                    .channels = channels,
                    .out = input_delta + in.first + group * columns + y.first * in.row + x.first * in.pixel,
                    .out_pixel = s->stride * in.pixel, .out_row = s->stride * in.row, .out_sample = in.sample,
                    .width = x.count, .height = y.count, .samples = samples, .columns = columns,
                    .packed = packed, .bias = NULL, .slope = 1, .adds = adds,
                };
                if (!depthwise) merge_taps(&p);
                if (x.count && y.count) run(&p, depthwise);
                packed += y.taps * x.taps * (depthwise ? padded(columns) : channels * padded(columns));
            }
        }
    }
}
