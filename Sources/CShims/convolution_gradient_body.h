/* One kind of processor's copy of convolution_gradient.c, which sets LANES, SUMS, OUTPUTS, BLOCKS and TARGET. */

#define NAME(name) JOINED(name##_, LANES)
#define vector NAME(vector)

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4)));

/* The first `count` lanes, then zeros. */
TARGET INLINE vector NAME(first_lanes)(const float *p, ptrdiff_t count) {
    vector v = {0};
    memcpy(&v, p, (size_t)count * sizeof *p);
    return v;
}

/* sum += window x delta for `count` neighbouring pixels */
TARGET INLINE void NAME(add_pixels)(int rows, int vectors, const float *a, ptrdiff_t step, const ptrdiff_t *offsets,
                                    const float *d, ptrdiff_t delta_step, ptrdiff_t count, vector *sum) {
    for (; count > 0; count--, a += step, d += delta_step) {
        vector right[2];
        UNROLLED for (int v = 0; v < vectors; v++) right[v] = *(const vector *)(d + v * LANES);
        UNROLLED for (int i = 0; i < rows; i++) {
            const float left = a[offsets[i]];
            UNROLLED for (int v = 0; v < vectors; v++) sum[i * vectors + v] += right[v] * left;
        }
    }
}

/* rows x (vectors * LANES) numbers of a gradient, from outputs `column` on. */
TARGET INLINE void NAME(tap_tile)(int rows, int vectors, const sweep *s, const part *p, ptrdiff_t column,
                                       ptrdiff_t first, ptrdiff_t count) {
    vector sum[SUMS] = {0};
    ptrdiff_t offsets[SUMS];
    tap_offsets(&p->order, first, count, rows, offsets);
    for (ptrdiff_t n = 0; n < s->samples; n++) {
        for (ptrdiff_t y = 0; y < s->height; y++) {
            const float *a = s->values + n * s->sample + y * s->row;
            const float *d = s->deltas + n * s->delta_sample + y * s->delta_row + column;
            float copy[COPIED * 2 * LANES];
            ptrdiff_t step = s->delta_pixel;
            for (ptrdiff_t x = 0, run; x < s->width; x += run, a += run * s->pixel, d += run * s->delta_pixel) {
                const float *from = d;
                run = s->width - x;
                /* A vector must not reach beyond the last delta. */
                if (s->deltas_end - d < (run - 1) * s->delta_pixel + vectors * LANES) {
                    run = run < COPIED ? run : COPIED;
                    copy_deltas(d, s, run, vectors * LANES, copy);
                    from = copy;
                    step = vectors * LANES;
                }
                NAME(add_pixels)(rows, vectors, a, s->pixel, offsets, from, step, run, sum);
            }
        }
    }
    vector sums[SUMS];
    UNROLLED for (int i = 0; i < rows * vectors; i++) sums[i] = sum[i] * p->alpha;
    const ptrdiff_t left = p->columns - column, width = left < vectors * LANES ? left : vectors * LANES;
    put(p, column, width, first, count, (const float *)sums, vectors * LANES);
}

TARGET INLINE void NAME(tap_strip)(int vectors, const sweep *s, const part *p, ptrdiff_t column) {
    const int high = SUMS / vectors;
    for (ptrdiff_t i = 0; i < p->count; i += high) {
        const ptrdiff_t rest = p->count - i;
        if (rest > high / 2) {
            NAME(tap_tile)(high, vectors, s, p, column, p->first + i, rest < high ? rest : high);
        } else {
            NAME(tap_tile)(high / 2, vectors, s, p, column, p->first + i, rest);
        }
    }
}

TARGET static void NAME(tap_gradient)(const sweep *s, const part *p) {
    for (ptrdiff_t column = 0; column < p->columns; column += 2 * LANES) {
        if (p->columns - column > LANES) NAME(tap_strip)(2, s, p, column);
        else NAME(tap_strip)(1, s, p, column);
    }
}

/* rows x (vectors * LANES) numbers of a gradient: outputs `first` to `first + count`, vectors of runs. */
TARGET INLINE void NAME(output_tile)(int rows, int vectors, const sweep *s, const part *p, ptrdiff_t first,
                                     ptrdiff_t count, const run_block *blocks) {
    vector sum[SUMS] = {0};
    for (ptrdiff_t n = 0; n < s->samples; n++) {
        for (ptrdiff_t y = 0; y < s->height; y++) {
            const float *a = s->values + n * s->sample + y * s->row;
            const float *d = s->deltas + n * s->delta_sample + y * s->delta_row + first;
            float copy[COPIED * SUMS];
            ptrdiff_t step = s->delta_pixel;
            for (ptrdiff_t x = 0, run; x < s->width; x += run, d += run * s->delta_pixel) {
                const float *from = d;
                run = s->width - x;
                if (s->deltas_end - d < (run - 1) * s->delta_pixel + rows) {
                    run = run < COPIED ? run : COPIED;
                    copy_deltas(d, s, run, rows, copy);
                    from = copy;
                    step = rows;
                }
                for (ptrdiff_t i = 0; i < run; i++, a += s->pixel, from += step) {
                    vector left[3];
                    UNROLLED for (int v = 0; v < vectors; v++) left[v] = *(const vector *)(a + blocks[v].offset);
                    UNROLLED for (int o = 0; o < rows; o++) {
                        const float right = from[o];
                        UNROLLED for (int v = 0; v < vectors; v++) sum[o * vectors + v] += left[v] * right;
                    }
                }
            }
        }
    }
    vector sums[SUMS];
    UNROLLED for (int i = 0; i < rows * vectors; i++) sums[i] = sum[i] * p->alpha;
    for (int v = 0; v < vectors; v++) {
        put_block(p, &blocks[v], first, count, (const float *)(sums + v), LANES, vectors * LANES);
    }
}

/* Vectors of runs, for all outputs. */
TARGET INLINE void NAME(output_strip)(int vectors, const sweep *s, const part *p, const run_block *blocks) {
    for (ptrdiff_t i = 0; i < p->count; i += OUTPUTS) {
        const ptrdiff_t count = p->count - i < OUTPUTS ? p->count - i : OUTPUTS;
        if (count > OUTPUTS / 2) NAME(output_tile)(OUTPUTS, vectors, s, p, p->first + i, count, blocks);
        else NAME(output_tile)(OUTPUTS / 2, vectors, s, p, p->first + i, count, blocks);
    }
}

TARGET static void NAME(output_gradient)(const sweep *s, const part *p) {
    const ptrdiff_t runs = p->order.count * p->channels / p->columns;
    const ptrdiff_t columns = (p->columns + LANES - 1) / LANES * runs;
    for (ptrdiff_t j = 0; j < columns; j += BLOCKS) {
        run_block blocks[BLOCKS];
        const ptrdiff_t vectors = columns - j < BLOCKS ? columns - j : BLOCKS;
        for (ptrdiff_t v = 0; v < vectors; v++) blocks[v] = block_of(p, j + v, LANES);
        if (vectors == BLOCKS) NAME(output_strip)(BLOCKS, s, p, blocks);
        if (vectors == 2 && BLOCKS > 2) NAME(output_strip)(2, s, p, blocks);
        if (vectors == 1) NAME(output_strip)(1, s, p, blocks);
    }
}

/* Taps `first` to `first + TAPS` of channels from `channel` on, LANES or all there are; those before `begin` and from
 * `end` on are not stored. */
TARGET INLINE void NAME(channel_tile)(int is_short, const sweep *s, const part *p, ptrdiff_t channel,
                                          ptrdiff_t begin, ptrdiff_t end, ptrdiff_t first) {
    const ptrdiff_t width = is_short ? p->columns : LANES;
    const ptrdiff_t count = p->order.count - first < TAPS ? p->order.count - first : TAPS;
    vector sum[TAPS] = {0};
    ptrdiff_t offsets[TAPS];
    tap_offsets(&p->order, first, count, TAPS, offsets);
    for (ptrdiff_t n = 0; n < s->samples; n++) {
        for (ptrdiff_t y = 0; y < s->height; y++) {
            const float *a = s->values + n * s->sample + y * s->row + channel;
            const float *d = s->deltas + n * s->delta_sample + y * s->delta_row + channel;
            for (ptrdiff_t x = 0; x < s->width; x++, a += s->pixel, d += s->delta_pixel) {
                const vector right = is_short ? NAME(first_lanes)(d, width) : *(const vector *)d;
                UNROLLED for (int i = 0; i < TAPS; i++) {
                    const float *left = a + offsets[i];
                    sum[i] += right * (is_short ? NAME(first_lanes)(left, width) : *(const vector *)left);
                }
            }
        }
    }
    vector sums[TAPS];
    UNROLLED for (int i = 0; i < TAPS; i++) sums[i] = sum[i] * p->alpha;
    put(p, begin, end - begin, first, count, (const float *)sums + begin - channel, LANES);
}

TARGET static void NAME(channel_gradient)(const sweep *s, const part *p) {
    const ptrdiff_t end = p->first + p->count;
    for (ptrdiff_t begin = p->first; begin < end; begin += LANES) {
        const ptrdiff_t channel = begin + LANES <= p->columns ? begin : p->columns - LANES;
        const ptrdiff_t last = begin + LANES < end ? begin + LANES : end;
        for (ptrdiff_t first = 0; first < p->order.count; first += TAPS) {
            if (p->columns < LANES) NAME(channel_tile)(1, s, p, 0, begin, last, first);
            else NAME(channel_tile)(0, s, p, channel, begin, last, first);
        }
    }
}

#undef NAME
#undef vector
#undef LANES
#undef SUMS
#undef OUTPUTS
#undef BLOCKS
#undef TARGET
