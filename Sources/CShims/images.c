#include "images.h"

#include <math.h>

#include "vector.h"

typedef float quad __attribute__((vector_size(16)));

INLINE quad interleaved(quad a, quad b, int upper) {
    return upper ? __builtin_shufflevector(a, b, 2, 6, 3, 7) : __builtin_shufflevector(a, b, 0, 4, 1, 5);
}

/* Four rows of four become four columns. */
INLINE void transpose_tile(const float *x, ptrdiff_t stride, float *out, ptrdiff_t out_stride, int adds) {
    quad row[4];
    for (int i = 0; i < 4; i++) memcpy(row + i, x + i * stride, sizeof *row);
    const quad a = interleaved(row[0], row[2], 0), b = interleaved(row[1], row[3], 0);
    const quad c = interleaved(row[0], row[2], 1), d = interleaved(row[1], row[3], 1);
    const quad column[4] = {interleaved(a, b, 0), interleaved(a, b, 1), interleaved(c, d, 0), interleaved(c, d, 1)};
    for (int i = 0; i < 4; i++) {
        quad sum = column[i], before;
        if (adds) {
            memcpy(&before, out + i * out_stride, sizeof before);
            sum += before;
        }
        memcpy(out + i * out_stride, &sum, sizeof sum);
    }
}

INLINE void transpose_some(const float *x, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, float *out,
                           ptrdiff_t out_stride, int adds) {
    for (ptrdiff_t j = 0; j < columns; j++) {
        for (ptrdiff_t i = 0; i < rows; i++) {
            const float value = x[i * stride + j];
            out[j * out_stride + i] = adds ? out[j * out_stride + i] + value : value;
        }
    }
}

void shim_transpose(const float *x, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, float *out,
                    ptrdiff_t out_stride, int adds) {
    const ptrdiff_t high = rows / 4 * 4, wide = columns / 4 * 4;
    for (ptrdiff_t i = 0; i < high; i += 4) {
        for (ptrdiff_t j = 0; j < wide; j += 4) {
            transpose_tile(x + i * stride + j, stride, out + j * out_stride + i, out_stride, adds);
        }
        transpose_some(x + i * stride + wide, 4, columns - wide, stride, out + wide * out_stride + i, out_stride, adds);
    }
    transpose_some(x + high * stride, rows - high, columns, stride, out + high, out_stride, adds);
}

/* The part of a window that lies in the image. */
typedef struct place {
    ptrdiff_t top, bottom, first, end;
} place;

INLINE place clipped(const shim_windows *w, ptrdiff_t row, ptrdiff_t column) {
    const ptrdiff_t top = row * w->step_height - w->pad, first = column * w->step_width - w->pad;
    const ptrdiff_t bottom = top + w->window_height, end = first + w->window_width;
    return (place){
        .top = top > 0 ? top : 0,
        .bottom = bottom < w->height ? bottom : w->height,
        .first = first > 0 ? first : 0,
        .end = end < w->width ? end : w->width,
    };
}

/* Where channel `channel` of a position lies, and how many floats there are from it to the image's end. */
INLINE ptrdiff_t offset(const shim_windows *w, ptrdiff_t row, ptrdiff_t column, ptrdiff_t channel) {
    return row * w->stride + column * w->channels + channel;
}

INLINE ptrdiff_t extent(const shim_windows *w) { return (w->height - 1) * w->stride + w->width * w->channels; }

INLINE ptrdiff_t out_offset(const shim_windows *w, ptrdiff_t row, ptrdiff_t column, ptrdiff_t channel) {
    return row * w->out_stride + column * w->channels + channel;
}

INLINE ptrdiff_t out_extent(const shim_windows *w) {
    return (w->out_height - 1) * w->out_stride + w->out_width * w->channels;
}

#define FOR_EACH_OUTPUT(w, row, column, channel, count)                                   \
    for (ptrdiff_t row = 0; row < (w)->out_height; row++)                                 \
        for (ptrdiff_t column = 0; column < (w)->out_width; column++)                     \
            for (ptrdiff_t channel = 0, count; count = (w)->channels - channel,           \
                 count = count < LANES ? count : LANES, channel < (w)->channels; channel += LANES)

#define FOR_EACH_INPUT(p, y, x)                               \
    for (ptrdiff_t y = (p).top; y < (p).bottom; y++)          \
        for (ptrdiff_t x = (p).first; x < (p).end; x++)

FOR_EACH_PROCESSOR
void shim_largest(const shim_windows *windows, const float *x, float *out) {
    const shim_windows w = *windows;
    const ptrdiff_t end = extent(&w), out_end = out_extent(&w);
    FOR_EACH_OUTPUT(&w, row, column, channel, count) {
        const place p = clipped(&w, row, column);
        vector best = {0}, v;
        best += -INFINITY;
        FOR_EACH_INPUT(p, i, j) {
            const ptrdiff_t at = offset(&w, i, j, channel);
            load_channels(&v, x + at, count, end - at);
            const ints more = (v > best) | (v != v);
            select(&best, &more, &v, &best);
        }
        const ptrdiff_t to = out_offset(&w, row, column, channel);
        store_channels(out + to, &best, count, out_end - to);
    }
}

/* Which of a window's places, counted in the order of memory, has the largest x. */
INLINE void place_of_largest(const shim_windows *w, const place *p, const float *x, ptrdiff_t channel, ptrdiff_t count,
                             ptrdiff_t end, ints *found) {
    vector best = {0}, v;
    best += -INFINITY;
    ints which = {0};
    int32_t number = 0;
    FOR_EACH_INPUT(*p, i, j) {
        const ptrdiff_t at = offset(w, i, j, channel);
        load_channels(&v, x + at, count, end - at);
        const ints more = (v > best) | (v != v);
        select(&best, &more, &v, &best);
        which = (which & ~more) | (more & number);
        number++;
    }
    *found = which;
}

FOR_EACH_PROCESSOR
void shim_take_largest(const shim_windows *windows, const float *x, const float *y, float *out) {
    const shim_windows w = *windows;
    const ptrdiff_t end = extent(&w), out_end = out_extent(&w);
    FOR_EACH_OUTPUT(&w, row, column, channel, count) {
        const place p = clipped(&w, row, column);
        ints found;
        place_of_largest(&w, &p, x, channel, count, end, &found);
        vector taken = {0}, v;
        int32_t number = 0;
        FOR_EACH_INPUT(p, i, j) {
            const ptrdiff_t at = offset(&w, i, j, channel);
            load_channels(&v, y + at, count, end - at);
            const ints here = found == number;
            select(&taken, &here, &v, &taken);
            number++;
        }
        const ptrdiff_t to = out_offset(&w, row, column, channel);
        store_channels(out + to, &taken, count, out_end - to);
    }
}

FOR_EACH_PROCESSOR
void shim_give_largest(const shim_windows *windows, const float *x, const float *y, float *target) {
    const shim_windows w = *windows;
    const ptrdiff_t end = extent(&w), out_end = out_extent(&w);
    FOR_EACH_OUTPUT(&w, row, column, channel, count) {
        const place p = clipped(&w, row, column);
        ints found;
        place_of_largest(&w, &p, x, channel, count, end, &found);
        const ptrdiff_t from = out_offset(&w, row, column, channel);
        vector given, v, nothing = {0};
        load_channels(&given, y + from, count, out_end - from);
        int32_t number = 0;
        FOR_EACH_INPUT(p, i, j) {
            const ptrdiff_t at = offset(&w, i, j, channel);
            const ints here = found == number;
            vector part;
            select(&part, &here, &given, &nothing);
            load_channels(&v, target + at, count, end - at);
            v += part;
            store_channels(target + at, &v, count, end - at);
            number++;
        }
    }
}

FOR_EACH_PROCESSOR
void shim_window_sums(const shim_windows *windows, const float *x, float scale, float *out) {
    const shim_windows w = *windows;
    const ptrdiff_t end = extent(&w), out_end = out_extent(&w);
    FOR_EACH_OUTPUT(&w, row, column, channel, count) {
        const place p = clipped(&w, row, column);
        vector sum = {0}, v;
        FOR_EACH_INPUT(p, i, j) {
            const ptrdiff_t at = offset(&w, i, j, channel);
            load_channels(&v, x + at, count, end - at);
            sum += v;
        }
        sum *= scale;
        const ptrdiff_t to = out_offset(&w, row, column, channel);
        store_channels(out + to, &sum, count, out_end - to);
    }
}

FOR_EACH_PROCESSOR
void shim_give_window_sums(const shim_windows *windows, const float *y, float scale, float *target) {
    const shim_windows w = *windows;
    const ptrdiff_t end = extent(&w), out_end = out_extent(&w);
    FOR_EACH_OUTPUT(&w, row, column, channel, count) {
        const place p = clipped(&w, row, column);
        const ptrdiff_t from = out_offset(&w, row, column, channel);
        vector given, v;
        load_channels(&given, y + from, count, out_end - from);
        given *= scale;
        FOR_EACH_INPUT(p, i, j) {
            const ptrdiff_t at = offset(&w, i, j, channel);
            load_channels(&v, target + at, count, end - at);
            v += given;
            store_channels(target + at, &v, count, end - at);
        }
    }
}
