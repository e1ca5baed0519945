#include "convolution_shapes.h"

enum {
    TAPS = 9,   /* of a tile of a depthwise convolution */
    COPIED = 8, /* pixels of deltas that no vector may be read of */
};

/* What a gradient is summed over: pairs of a window of the input and a delta. */
typedef struct {
    const float *values;
    ptrdiff_t pixel, row, sample;
    const float *deltas, *deltas_end;
    ptrdiff_t delta_pixel, delta_row, delta_sample;
    ptrdiff_t width, height, samples;
} sweep;

/* Taps of a channel follow each other in a row of weights, channels in a pixel. */
typedef struct {
    ptrdiff_t width, count, row, pixel;
} tap_order;

/* Where numbers `first` to `first + count` of a row of weights find their inputs, from a window's first; what follows,
 * up to `rows`, is the last again, so that a tile has nothing to choose. */
INLINE void tap_offsets(const tap_order *order, ptrdiff_t first, ptrdiff_t count, ptrdiff_t rows, ptrdiff_t *offsets) {
    const ptrdiff_t tap = first % order->count;
    ptrdiff_t channel = first / order->count, y = tap / order->width, x = tap % order->width;
    for (ptrdiff_t i = 0; i < rows; i++) {
        offsets[i] = channel + y * order->row + x * order->pixel;
        if (i + 1 >= count) continue;
        if (++x < order->width) continue;
        x = 0;
        if (++y * order->width < order->count) continue;
        y = 0;
        channel++;
    }
}

/* A part of the gradient. By taps: numbers `first` to `first + count` of each of `columns` outputs. By outputs: outputs
 * `first` to `first + count`, `columns` numbers of the image that follow each other in each of the kernel's runs: some
 * taps of `channels` each. By channels, depthwise: all taps of these channels. */
typedef struct {
    ptrdiff_t first, count, columns, channels;
    tap_order order;
    float alpha, beta, *gradient;
    ptrdiff_t stride; /* from one output's numbers to the next's */
} part;

/* gradient <- beta gradient + sums, for `width` outputs from `column` on and their numbers `first` to `first + count`;
 * the sums of one number follow each other, those of the next are `step` further on. */
static void put(const part *p, ptrdiff_t column, ptrdiff_t width, ptrdiff_t first, ptrdiff_t count, const float *sums,
                ptrdiff_t step) {
    for (ptrdiff_t c = 0; c < width; c++) {
        float *target = p->gradient + (column + c) * p->stride + first;
        /* Not beta * target for 0: it may hold anything then. */
        if (p->beta == 0) {
            for (ptrdiff_t i = 0; i < count; i++) target[i] = sums[i * step + c];
        } else {
            for (ptrdiff_t i = 0; i < count; i++) target[i] = p->beta * target[i] + sums[i * step + c];
        }
    }
}

/* A vector of a run: from its number `start` on, of which the first `done` belong to another block. */
typedef struct {
    ptrdiff_t offset, tap, start, done; /* tap: the run's first */
} run_block;

/* Block `index` of all runs; the last of a run ends where that does. Where vectors divide the channels, neighbours are
 * the same channels at the next tap, which the next pixel reads again. */
INLINE run_block block_of(const part *p, ptrdiff_t index, ptrdiff_t lanes) {
    const ptrdiff_t blocks = (p->columns + lanes - 1) / lanes, runs_taps = p->columns / p->channels;
    run_block b = {0, index / blocks * runs_taps, index % blocks * lanes, 0};
    if (p->channels % lanes == 0) {
        b.tap = index % p->order.count;
        b.start = index / p->order.count * lanes;
    } else if (b.start + lanes > p->columns) {
        b.done = b.start + lanes - p->columns;
        b.start -= b.done;
    }
    b.offset = b.start + b.tap / p->order.width * p->order.row + b.tap % p->order.width * p->order.pixel;
    return b;
}

/* gradient <- beta gradient + sums, for outputs `first` to `first + count` and a block; an output's sums are `step`
 * after the one's before. */
static void put_block(const part *p, const run_block *block, ptrdiff_t first, ptrdiff_t count, const float *sums,
                      ptrdiff_t lanes, ptrdiff_t step) {
    ptrdiff_t places[MOST_LANES];
    for (ptrdiff_t i = block->done; i < lanes; i++) {
        const ptrdiff_t number = block->start + i;
        places[i] = number % p->channels * p->order.count + block->tap + number / p->channels;
    }
    for (ptrdiff_t o = 0; o < count; o++, sums += step) {
        float *target = p->gradient + (first + o) * p->stride;
        if (p->beta == 0) {
            for (ptrdiff_t i = block->done; i < lanes; i++) target[places[i]] = sums[i];
        } else {
            for (ptrdiff_t i = block->done; i < lanes; i++) {
                target[places[i]] = p->beta * target[places[i]] + sums[i];
            }
        }
    }
}

/* `count` pixels of at most `width` deltas from d on, filled up with zeros. */
static void copy_deltas(const float *d, const sweep *s, ptrdiff_t count, ptrdiff_t width, float *copy) {
    for (ptrdiff_t x = 0; x < count; x++, d += s->delta_pixel) {
        const ptrdiff_t there = s->deltas_end - d < width ? s->deltas_end - d : width;
        for (ptrdiff_t c = 0; c < width; c++) copy[x * width + c] = c < there ? d[c] : 0;
    }
}

/* Vectors of LANES floats, for processors that have them; a tile has SUMS sums, or those of OUTPUTS
 * outputs with BLOCKS vectors of inputs. */
#ifdef __x86_64__
#define LANES 16
#define SUMS 28
#define OUTPUTS 8
#define BLOCKS 3
#define TARGET __attribute__((target("avx512f")))
#include "convolution_gradient_body.h"
#define LANES 8
#define SUMS 12
#define OUTPUTS 6
#define BLOCKS 2
#define TARGET __attribute__((target("avx2,fma")))
#include "convolution_gradient_body.h"
#endif
#define LANES 4
#define SUMS 12
#define OUTPUTS 6
#define BLOCKS 2
#define TARGET
#include "convolution_gradient_body.h"

/* Numbers of the image that follow each other under the kernel: a row of it, or with groups a tap. */
static ptrdiff_t run_of(const shim_convolution *s) {
    return s->groups == 1 ? s->kernel_width * in_group(s) : in_group(s);
}

/* Runs fill three quarters of their vectors: then these are multiplied by outputs, and threads share outputs. */
static int sums_by_outputs(const shim_convolution *s) {
    const ptrdiff_t lanes = processor_lanes(), run = run_of(s), filled = (run + lanes - 1) / lanes * lanes;
    return !is_depthwise(s) && run >= lanes && 3 * filled <= 4 * run;
}

ptrdiff_t shim_convolution_gradient_rows(const shim_convolution *s) {
    if (is_depthwise(s)) return s->groups;
    return sums_by_outputs(s) ? s->out_channels : s->in_channels * taps(s);
}

typedef enum { BY_TAPS, BY_OUTPUTS, BY_CHANNELS } manner;

/* A part of the gradient is summed for a few samples at a time, which stay in the cache. */
static void sum_gradient(const sweep *whole, part p, manner by) {
    const ptrdiff_t block = most(BLOCK / (whole->sample + whole->delta_sample + 1), 1);
    for (ptrdiff_t n = 0; n < whole->samples; n += block) {
        sweep s = *whole;
        s.values += n * s.sample;
        s.deltas += n * s.delta_sample;
        s.samples = least(block, whole->samples - n);
        if (by == BY_TAPS) {
            FOR_THIS_PROCESSOR(tap_gradient, &s, &p);
        } else if (by == BY_OUTPUTS) {
            FOR_THIS_PROCESSOR(output_gradient, &s, &p);
        } else {
            FOR_THIS_PROCESSOR(channel_gradient, &s, &p);
        }
        p.beta = 1;
    }
}

void shim_convolution_gradient(const shim_convolution *s, const float *input, const float *output_delta,
                               ptrdiff_t samples, ptrdiff_t first, ptrdiff_t count, float alpha, float beta,
                               float *gradient) {
    const storage in = input_of(s), out = output_of(s);
    const sweep all = {
        .values = input + first_tap(s, &in),
        .pixel = s->stride * in.pixel, .row = s->stride * in.row, .sample = in.sample,
        .deltas = output_delta + out.first, .deltas_end = output_delta + samples * out.sample,
        .delta_pixel = out.pixel, .delta_row = out.row, .delta_sample = out.sample,
        .width = s->out_width, .height = s->out_height, .samples = samples,
    };
    const tap_order order = {s->kernel_width, taps(s), in.row, in.pixel};
    if (is_depthwise(s)) {
        sum_gradient(&all, (part){first, count, s->groups, 1, order, alpha, beta, gradient, taps(s)}, BY_CHANNELS);
        return;
    }
    const manner by = sums_by_outputs(s) ? BY_OUTPUTS : BY_TAPS;
    const ptrdiff_t inputs = in_group(s), outputs = out_group(s), row = inputs * taps(s);
    const ptrdiff_t rows = by == BY_OUTPUTS ? outputs : row, end = first + count;
    for (ptrdiff_t group = first / rows; group * rows < end; group++) {
        const ptrdiff_t start = most(first - group * rows, 0), stop = least(end - group * rows, rows);
        sweep of_group = all;
        of_group.values += group * inputs;
        of_group.deltas += group * outputs;
        sum_gradient(&of_group,
                     (part){start, stop - start, by == BY_OUTPUTS ? run_of(s) : outputs, inputs, order, alpha, beta,
                            gradient + group * outputs * row, row},
                     by);
    }
}
