#include "convolution.h"

#include <string.h>

#define CONCATENATED(a, b) a##b
#define JOINED(a, b) CONCATENATED(a, b)
#define INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 32")

enum {
    MOST_LANES = 16,
    PIXELS = 8, /* a tile of a depthwise convolution */
    TAPS = 9,   /* and of its gradient */
    COPIED = 8, /* pixels of deltas that no vector may be read of */
    BLOCK = 1 << 17 /* floats that stay in the second-level cache */
};

/* A convolution as the kernels see it: each output is a sum over rows of taps, neighbouring taps of a row and
 * neighbouring channels. Places are those of the first output's first tap, steps are floats. */
typedef struct {
    const float *values;
    ptrdiff_t pixel, row, sample; /* steps of the taps from one output to the next */
    ptrdiff_t tap_rows, tap_columns, tap_row, tap_column, channels;
    float *out;
    ptrdiff_t out_pixel, out_row, out_sample;
    ptrdiff_t width, height, samples, columns; /* columns: output channels */
    const float *packed, *bias;
    float slope;
    int adds;
} passage;

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
 * `first` to `first + count`, `columns` channels of the input. By channels, depthwise: all taps of these channels. */
typedef struct {
    ptrdiff_t first, count, columns;
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

/* A tap of neighbouring channels, of which the first `done` belong to another block. */
typedef struct {
    ptrdiff_t offset, tap, channel, done;
} tap_block;

/* Block `index` of a part's channels, taps first; the last block ends where the channels do. */
INLINE tap_block block_of(const part *p, ptrdiff_t index, ptrdiff_t lanes) {
    tap_block b = {0, index % p->order.count, index / p->order.count * lanes, 0};
    const ptrdiff_t over = b.channel + lanes - p->columns;
    if (over > 0) {
        b.channel -= over;
        b.done = over;
    }
    b.offset = b.channel + b.tap / p->order.width * p->order.row + b.tap % p->order.width * p->order.pixel;
    return b;
}

/* gradient <- beta gradient + sums, for outputs `first` to `first + count` and a block; an output's sums are `step`
 * after the one's before. */
static void put_block(const part *p, const tap_block *block, ptrdiff_t first, ptrdiff_t count, const float *sums,
                      ptrdiff_t lanes, ptrdiff_t step) {
    const ptrdiff_t taps = p->order.count;
    for (ptrdiff_t o = 0; o < count; o++, sums += step) {
        float *target = p->gradient + (first + o) * p->stride + block->channel * taps + block->tap;
        if (p->beta == 0) {
            for (ptrdiff_t c = block->done; c < lanes; c++) target[c * taps] = sums[c];
        } else {
            for (ptrdiff_t c = block->done; c < lanes; c++) target[c * taps] = p->beta * target[c * taps] + sums[c];
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

/* Vectors of LANES floats, for processors that have them; a tile has SUMS sums, or those of OUTPUTS
 * outputs with BLOCKS vectors of inputs. */
#ifdef __x86_64__
#define LANES 16
#define SUMS 28
#define OUTPUTS 8
#define BLOCKS 3
#define TARGET __attribute__((target("avx512f")))
#include "convolution_body.h"
#define LANES 8
#define SUMS 12
#define OUTPUTS 6
#define BLOCKS 2
#define TARGET __attribute__((target("avx2,fma")))
#include "convolution_body.h"
#endif
#define LANES 4
#define SUMS 12
#define OUTPUTS 6
#define BLOCKS 2
#define TARGET
#include "convolution_body.h"

static ptrdiff_t processor_lanes(void) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f")) return 16;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#endif
    return 4;
}

/* Lanes of the copy for so many columns: a vector of 16 that is half empty is no faster than one of 8, and its tile is
 * larger than short rows can fill. */
static ptrdiff_t lanes_for(ptrdiff_t columns) {
    const ptrdiff_t lanes = processor_lanes();
#ifdef __x86_64__
    if (lanes == 16 && columns <= 8 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#else
    (void)columns;
#endif
    return lanes;
}

#ifdef __x86_64__
#define BY_LANES(lanes, function, ...)                   \
    if ((lanes) == 16) function##_16(__VA_ARGS__);       \
    else if ((lanes) == 8) function##_8(__VA_ARGS__);    \
    else function##_4(__VA_ARGS__)
#else
#define BY_LANES(lanes, function, ...) function##_4(__VA_ARGS__)
#endif

static ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t padded(ptrdiff_t columns) { return (columns + MOST_LANES - 1) / MOST_LANES * MOST_LANES; }
static ptrdiff_t in_group(const shim_convolution *s) { return s->in_channels / s->groups; }
static ptrdiff_t out_group(const shim_convolution *s) { return s->out_channels / s->groups; }
static ptrdiff_t taps(const shim_convolution *s) { return s->kernel_height * s->kernel_width; }

static int is_depthwise(const shim_convolution *s) {
    return s->groups > 1 && s->groups == s->in_channels && s->groups == s->out_channels;
}

/* An image as it is stored. */
typedef struct {
    ptrdiff_t pixel, row, sample, first;
} storage;

static storage stored(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, ptrdiff_t border) {
    const ptrdiff_t row = (width + 2 * border) * channels;
    return (storage){channels, row, (height + 2 * border) * row, border * row + border * channels};
}

static storage input_of(const shim_convolution *s) {
    return stored(s->in_channels, s->in_height, s->in_width, s->in_border);
}

static storage output_of(const shim_convolution *s) {
    return stored(s->out_channels, s->out_height, s->out_width, s->out_border);
}

/* One direction of the gradient by the input: inputs that are `stride` apart read every stride-th tap and neighbouring
 * deltas. */
typedef struct {
    ptrdiff_t taps;    /* tap `phase`, then every stride-th */
    ptrdiff_t first;   /* input */
    ptrdiff_t count;   /* of inputs */
    ptrdiff_t delta;   /* that the first input's last tap reads; it may lie in the border */
} phase;

static phase phase_of(ptrdiff_t number, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t padding, ptrdiff_t inputs) {
    phase p;
    p.taps = number < kernel ? (kernel - number + stride - 1) / stride : 0;
    p.first = ((number - padding) % stride + stride) % stride;
    p.count = p.first < inputs ? (inputs - p.first + stride - 1) / stride : 0;
    p.delta = (p.first + padding) / stride - (p.taps - 1);
    return p;
}

static phase row_phase(const shim_convolution *s, ptrdiff_t number) {
    return phase_of(number, s->kernel_height, s->stride, s->padding_height, s->in_height);
}

static phase column_phase(const shim_convolution *s, ptrdiff_t number) {
    return phase_of(number, s->kernel_width, s->stride, s->padding_width, s->in_width);
}

static ptrdiff_t border_of(phase p, ptrdiff_t outputs) {
    if (p.taps == 0 || p.count == 0) return 0;
    return most(most(-p.delta, p.delta + p.taps - 1 + p.count - outputs), 0);
}

ptrdiff_t shim_convolution_back_border(const shim_convolution *s) {
    ptrdiff_t border = 0;
    for (ptrdiff_t number = 0; number < s->stride; number++) {
        border = most(border, border_of(row_phase(s, number), s->out_height));
        border = most(border, border_of(column_phase(s, number), s->out_width));
    }
    return border;
}

ptrdiff_t shim_convolution_forward_count(const shim_convolution *s) {
    if (is_depthwise(s)) return taps(s) * padded(s->groups);
    return s->groups * taps(s) * in_group(s) * padded(out_group(s));
}

ptrdiff_t shim_convolution_back_count(const shim_convolution *s) {
    if (is_depthwise(s)) return taps(s) * padded(s->groups);
    return s->groups * taps(s) * out_group(s) * padded(in_group(s));
}

/* Packed weights are a matrix in strips of two vectors of columns, the last of one where that holds those that are
 * left; rows of a strip follow each other, filled up with zeros. */
typedef struct {
    float *packed;
    ptrdiff_t rows, lanes, columns;
} strips;

static ptrdiff_t strip_width(const strips *s, ptrdiff_t column) {
    return s->columns - column > s->lanes ? 2 * s->lanes : s->lanes;
}

/* Row `r` of the strip that begins at `column`, from numbers that are `stride` apart. */
static void pack_row(const strips *s, ptrdiff_t column, ptrdiff_t r, const float *from, ptrdiff_t stride) {
    const ptrdiff_t width = strip_width(s, column), there = least(width, s->columns - column);
    float *to = s->packed + column * s->rows + r * width;
    for (ptrdiff_t c = 0; c < there; c++) to[c] = from[c * stride];
    for (ptrdiff_t c = there; c < width; c++) to[c] = 0;
}

/* Taps of all channels, channels side by side. */
static void pack_channels(const shim_convolution *s, const float *tap, float *packed) {
    for (ptrdiff_t channel = 0; channel < padded(s->groups); channel++) {
        packed[channel] = channel < s->groups ? tap[channel * taps(s)] : 0;
    }
}

void shim_convolution_pack_forward(const shim_convolution *s, const float *weights, float *packed) {
    if (is_depthwise(s)) {
        for (ptrdiff_t t = 0; t < taps(s); t++) pack_channels(s, weights + t, packed + t * padded(s->groups));
        return;
    }
    const ptrdiff_t inputs = in_group(s), rows = taps(s) * inputs;
    for (ptrdiff_t group = 0; group < s->groups; group++) {
        const strips all = {packed, rows, lanes_for(out_group(s)), out_group(s)};
        for (ptrdiff_t column = 0; column < all.columns; column += 2 * all.lanes) {
            for (ptrdiff_t input = 0; input < inputs; input++) {
                for (ptrdiff_t t = 0; t < taps(s); t++) {
                    pack_row(&all, column, t * inputs + input, weights + column * rows + input * taps(s) + t, rows);
                }
            }
        }
        weights += all.columns * rows;
        packed += padded(all.columns) * rows;
    }
}

/* Taps of a phase stand in the order of the deltas that they read, which is the reverse of theirs. */
static void pack_phase(const shim_convolution *s, const float *weights, phase row, phase column, ptrdiff_t first,
                       float *packed) {
    const ptrdiff_t inputs = in_group(s), outputs = out_group(s);
    const strips all = {packed, row.taps * column.taps * outputs, lanes_for(inputs), inputs};
    for (ptrdiff_t i = 0; i < row.taps * column.taps; i++) {
        const ptrdiff_t y = row.taps - 1 - i / column.taps, x = column.taps - 1 - i % column.taps;
        const float *tap = weights + first + s->stride * (y * s->kernel_width + x);
        if (is_depthwise(s)) {
            pack_channels(s, tap, packed + i * padded(s->groups));
            continue;
        }
        for (ptrdiff_t c = 0; c < inputs; c += 2 * all.lanes) {
            for (ptrdiff_t output = 0; output < outputs; output++) {
                pack_row(&all, c, i * outputs + output, tap + (output * inputs + c) * taps(s), taps(s));
            }
        }
    }
}

void shim_convolution_pack_back(const shim_convolution *s, const float *weights, float *packed) {
    const ptrdiff_t groups = is_depthwise(s) ? 1 : s->groups;
    const ptrdiff_t tap = is_depthwise(s) ? padded(s->groups) : out_group(s) * padded(in_group(s));
    for (ptrdiff_t group = 0; group < groups; group++) {
        for (ptrdiff_t y = 0; y < s->stride; y++) {
            for (ptrdiff_t x = 0; x < s->stride; x++) {
                const phase row = row_phase(s, y), column = column_phase(s, x);
                pack_phase(s, weights, row, column, y * s->kernel_width + x, packed);
                packed += row.taps * column.taps * tap;
            }
        }
        weights += out_group(s) * in_group(s) * taps(s);
    }
}

/* Blocks of samples that stay in the cache while one strip of columns after the other reads them. */
static void run(const passage *whole, int depthwise) {
    const ptrdiff_t block = most(BLOCK / most(whole->sample, 1), 1);
    for (ptrdiff_t n = 0; n < whole->samples; n += block) {
        passage p = *whole;
        p.values += n * p.sample;
        p.out += n * p.out_sample;
        p.samples = least(block, whole->samples - n);
        if (depthwise) {
            BY_LANES(lanes_for(p.columns), depthwise, &p);
        } else {
            BY_LANES(lanes_for(p.columns), convolve, &p);
        }
    }
}

/* Neighbouring taps of all channels are one row of numbers. */
static void merge_taps(passage *p) {
    if (p->tap_column != p->channels) return;
    p->channels *= p->tap_columns;
    p->tap_columns = 1;
}

/* Where the first output's first tap stands. */
static ptrdiff_t first_tap(const shim_convolution *s, const storage *in) {
    return in->first - s->padding_height * in->row - s->padding_width * in->pixel;
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

/* Channels of the input fill vectors: then these are multiplied by outputs, and threads share outputs. */
static int sums_by_outputs(const shim_convolution *s) {
    return !is_depthwise(s) && in_group(s) >= processor_lanes();
}

ptrdiff_t shim_convolution_gradient_rows(const shim_convolution *s) {
    if (is_depthwise(s)) return s->groups;
    return sums_by_outputs(s) ? s->out_channels : s->in_channels * taps(s);
}

typedef enum { BY_TAPS, BY_OUTPUTS, BY_CHANNELS } manner;

/* A part of the gradient is summed for a few samples at a time, which stay in the cache. */
static void sum_gradient(const sweep *whole, part p, manner by) {
    const ptrdiff_t block = most(BLOCK / (whole->sample + whole->delta_sample + 1), 1), lanes = lanes_for(p.columns);
    for (ptrdiff_t n = 0; n < whole->samples; n += block) {
        sweep s = *whole;
        s.values += n * s.sample;
        s.deltas += n * s.delta_sample;
        s.samples = least(block, whole->samples - n);
        if (by == BY_TAPS) {
            BY_LANES(lanes, tap_gradient, &s, &p);
        } else if (by == BY_OUTPUTS) {
            BY_LANES(lanes, output_gradient, &s, &p);
        } else {
            BY_LANES(lanes, channel_gradient, &s, &p);
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
        sum_gradient(&all, (part){first, count, s->groups, order, alpha, beta, gradient, taps(s)}, BY_CHANNELS);
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
                     (part){start, stop - start, by == BY_OUTPUTS ? inputs : outputs, order, alpha, beta,
                            gradient + group * outputs * row, row},
                     by);
    }
}
