#include "convolution_shapes.h"

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
 * left; rows of a strip follow each other, filled up with zeros. Where the columns fill half a vector at most, it holds
 * two rows, side by side in each column: numbers of the image that follow each other are multiplied two at a time. A
 * run of `channels` rows is then a run of pairs; the last pair of an odd one repeats a number of the image, times 0. */
typedef struct {
    float *packed;
    ptrdiff_t rows, lanes, columns, channels;
    int paired;
} strips;

static strips strips_at(float *packed, ptrdiff_t runs, ptrdiff_t channels, ptrdiff_t columns) {
    const ptrdiff_t lanes = processor_lanes();
    return (strips){packed, runs * channels, lanes, columns, channels, is_paired(lanes, columns, channels, runs)};
}

/* Row `r` of the strip that begins at `column`, from numbers that are `stride` apart. */
static void pack_row(const strips *s, ptrdiff_t column, ptrdiff_t r, const float *from, ptrdiff_t stride) {
    const ptrdiff_t left = s->columns - column, width = left > s->lanes ? 2 * s->lanes : s->lanes;
    const ptrdiff_t there = least(width, left);
    if (!s->paired) {
        float *to = s->packed + column * s->rows + r * width;
        for (ptrdiff_t c = 0; c < there; c++) to[c] = from[c * stride];
        for (ptrdiff_t c = there; c < width; c++) to[c] = 0;
        return;
    }
    const ptrdiff_t run = r / s->channels, number = r % s->channels;
    const int is_second = number % 2, is_alone = !is_second && number + 1 == s->channels;
    float *to = s->packed + (run * ((s->channels + 1) / 2) + number / 2) * width;
    for (ptrdiff_t c = 0; c < there; c++) {
        to[2 * c + (is_second || is_alone)] = from[c * stride];
        if (is_alone) to[2 * c] = 0;
    }
    for (ptrdiff_t c = 2 * there; c < width; c++) to[c] = 0;
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
        const ptrdiff_t channels = s->groups == 1 ? s->kernel_width * inputs : inputs;
        const strips all = strips_at(packed, rows / channels, channels, out_group(s));
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
    const int is_whole = s->groups == 1;
    const strips all = strips_at(packed, is_whole ? row.taps : row.taps * column.taps,
                                 is_whole ? column.taps * outputs : outputs, inputs);
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
