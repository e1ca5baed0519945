#include "norms.h"

#include "vector.h"

/* Sixteen channels at a time, so that what belongs to them stays in registers for all positions. */
#define FOR_EACH_BLOCK(p, first, count)                                               \
    for (ptrdiff_t first = 0, count; count = (p)->channels - first,                   \
         count = count < LANES ? count : LANES, first < (p)->channels; first += LANES)

#define FOR_EACH_POSITION(p, i, j)                    \
    for (ptrdiff_t i = 0; i < (p)->height; i++)       \
        for (ptrdiff_t j = 0; j < (p)->width; j++)

/* Where a position's channel `first` lies in an image, and the floats from an image's first to its end. */
INLINE ptrdiff_t at(const shim_positions *p, ptrdiff_t stride, ptrdiff_t i, ptrdiff_t j, ptrdiff_t first) {
    return i * stride + j * p->channels + first;
}

INLINE ptrdiff_t extent(const shim_positions *p, ptrdiff_t stride) {
    return (p->height - 1) * stride + p->width * p->channels;
}

/* The sum of (x - middle), or of its squares, over the positions of a block of channels. Two sums run beside each
 * other, so that one need not wait for the other. */
INLINE void sum_block(const shim_positions *p, const float *x, ptrdiff_t first, ptrdiff_t count, const vector *middle,
                      int squared, vector *sum) {
    const ptrdiff_t end = extent(p, p->x_stride);
    vector even = {0}, odd = {0}, v;
    for (ptrdiff_t i = 0; i < p->height; i++) {
        ptrdiff_t place = at(p, p->x_stride, i, 0, first);
        for (ptrdiff_t j = 0; j < p->width; j += 2, place += 2 * p->channels) {
            load_channels(&v, x + place, count, end - place);
            v -= *middle;
            even += squared ? v * v : v;
            if (j + 1 == p->width) break;
            load_channels(&v, x + place + p->channels, count, end - place - p->channels);
            v -= *middle;
            odd += squared ? v * v : v;
        }
    }
    *sum = even + odd;
}

FOR_EACH_PROCESSOR
void shim_channel_moments(const shim_positions *positions, const float *x, float *means, float *squares) {
    const shim_positions p = *positions;
    const float share = 1 / (float)(p.height * p.width);
    FOR_EACH_BLOCK(&p, first, count) {
        const vector nothing = {0};
        vector mean, total;
        sum_block(&p, x, first, count, &nothing, 0, &mean);
        mean *= share;
        sum_block(&p, x, first, count, &mean, 1, &total);
        store_some(means + first, &mean, count);
        store_some(squares + first, &total, count);
    }
}

FOR_EACH_PROCESSOR
void shim_channel_products(const shim_positions *positions, const float *x, const float *center, float *y,
                           const float *h, float slope, float *sums, float *products) {
    const shim_positions p = *positions;
    const ptrdiff_t end = extent(&p, p.x_stride), y_end = extent(&p, p.y_stride);
    FOR_EACH_BLOCK(&p, first, count) {
        vector middle, sum = {0}, product = {0}, v, w, f;
        load_some(&middle, center + first, count);
        FOR_EACH_POSITION(&p, i, j) {
            const ptrdiff_t place = at(&p, p.x_stride, i, j, first), y_place = at(&p, p.y_stride, i, j, first);
            load_channels(&v, x + place, count, end - place);
            load_channels(&w, y + y_place, count, y_end - y_place);
            if (h) {
                load_channels(&f, h + y_place, count, y_end - y_place);
                const ints positive = f > 0;
                const vector scaled = w * slope;
                select(&w, &positive, &w, &scaled);
                store_channels(y + y_place, &w, count, y_end - y_place);
            }
            sum += w;
            product += w * (v - middle);
        }
        if (sums) store_some(sums + first, &sum, count);
        store_some(products + first, &product, count);
    }
}

FOR_EACH_PROCESSOR
void shim_channel_map(const shim_positions *positions, const float *x, const float *center, const float *a,
                      const float *y, const float *b, const float *c, float slope, int adds, float *out) {
    const shim_positions p = *positions;
    const ptrdiff_t end = extent(&p, p.x_stride), y_end = extent(&p, p.y_stride), out_end = extent(&p, p.out_stride);
    FOR_EACH_BLOCK(&p, first, count) {
        vector middle = {0}, by_x, by_y = {0}, constant = {0}, v, w;
        if (center) load_some(&middle, center + first, count);
        load_some(&by_x, a + first, count);
        if (y) load_some(&by_y, b + first, count);
        if (c) load_some(&constant, c + first, count);
        FOR_EACH_POSITION(&p, i, j) {
            const ptrdiff_t place = at(&p, p.x_stride, i, j, first), y_place = at(&p, p.y_stride, i, j, first);
            const ptrdiff_t out_place = at(&p, p.out_stride, i, j, first);
            load_channels(&v, x + place, count, end - place);
            v = by_x * (v - middle) + constant;
            if (y) {
                load_channels(&w, y + y_place, count, y_end - y_place);
                v += by_y * w;
            }
            const ints positive = v > 0;
            const vector scaled = v * slope;
            select(&v, &positive, &v, &scaled);
            if (adds) {
                load_channels(&w, out + out_place, count, out_end - out_place);
                v += w;
            }
            store_channels(out + out_place, &v, count, out_end - out_place);
        }
    }
}
