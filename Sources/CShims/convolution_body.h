/* One kind of processor's copy of convolution.c, which sets LANES, SUMS, OUTPUTS, BLOCKS and TARGET. */

#define NAME(name) JOINED(name##_, LANES)
#define vector NAME(vector)

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int NAME(bits) __attribute__((vector_size(4 * LANES)));

/* z > 0 ? z : slope z */
TARGET INLINE vector NAME(rectified)(vector z, float slope) {
    const vector scaled = z * slope;
    const NAME(bits) positive = z > 0;
    NAME(bits) yes, no;
    memcpy(&yes, &z, sizeof yes);
    memcpy(&no, &scaled, sizeof no);
    yes = (yes & positive) | (no & ~positive);
    memcpy(&z, &yes, sizeof z);
    return z;
}

/* The first `count` lanes, then zeros. */
TARGET INLINE vector NAME(beginning)(const float *p, ptrdiff_t count) {
    vector v = {0};
    memcpy(&v, p, (size_t)count * sizeof *p);
    return v;
}

/* What is done to `width` sums of an output before they are stored. */
TARGET INLINE void NAME(finish)(const passage *p, const float *sums, float *out, ptrdiff_t width) {
    for (ptrdiff_t c = 0; c < width; c++) {
        const float z = p->adds ? sums[c] + out[c] : sums[c];
        out[c] = z > 0 ? z : p->slope * z;
    }
}

/* rows x (vectors * LANES) outputs, of which `count` rows and `width` columns are stored. */
TARGET INLINE void NAME(tile)(int rows, int vectors, const passage *p, const float *b, const float *bias,
                              const float *const *from, float *const *to, int count, ptrdiff_t width) {
    vector sum[SUMS];
    UNROLLED for (int i = 0; i < rows; i++) {
        UNROLLED for (int v = 0; v < vectors; v++) sum[i * vectors + v] = *(const vector *)(bias + v * LANES);
    }
    for (ptrdiff_t y = 0; y < p->tap_rows; y++) {
        for (ptrdiff_t x = 0; x < p->tap_columns; x++) {
            const ptrdiff_t start = y * p->tap_row + x * p->tap_column, end = start + p->channels;
            ptrdiff_t r = start;
            /* Two at a time where the places would otherwise be loaded as often as the numbers. */
            for (; vectors == 1 && r + 1 < end; r += 2, b += 2 * LANES) {
                const vector first = *(const vector *)b, second = *(const vector *)(b + LANES);
                UNROLLED for (int i = 0; i < rows; i++) {
                    const float *left = from[i] + r;
                    sum[i] += first * left[0];
                    sum[i] += second * left[1];
                }
            }
            for (; r < end; r++, b += vectors * LANES) {
                vector right[2];
                UNROLLED for (int v = 0; v < vectors; v++) right[v] = *(const vector *)(b + v * LANES);
                UNROLLED for (int i = 0; i < rows; i++) {
                    const float left = from[i][r];
                    UNROLLED for (int v = 0; v < vectors; v++) sum[i * vectors + v] += right[v] * left;
                }
            }
        }
    }
    if (count < rows || width < vectors * LANES) {
        vector sums[SUMS];
        UNROLLED for (int i = 0; i < rows * vectors; i++) sums[i] = sum[i];
        for (int i = 0; i < count; i++) NAME(finish)(p, (const float *)(sums + i * vectors), to[i], width);
        return;
    }
    if (p->adds) {
        UNROLLED for (int i = 0; i < rows; i++) {
            UNROLLED for (int v = 0; v < vectors; v++) {
                sum[i * vectors + v] += *(const vector *)(to[i] + v * LANES);
            }
        }
    }
    if (p->slope != 1) {
        UNROLLED for (int i = 0; i < rows * vectors; i++) sum[i] = NAME(rectified)(sum[i], p->slope);
    }
    UNROLLED for (int i = 0; i < rows; i++) {
        UNROLLED for (int v = 0; v < vectors; v++) *(vector *)(to[i] + v * LANES) = sum[i * vectors + v];
    }
}

/* A strip of columns for all outputs. */
TARGET INLINE void NAME(strip)(int vectors, const passage *p, const float *b, ptrdiff_t column) {
    const int high = SUMS / vectors;
    const float *from[SUMS];
    float *to[SUMS], bias[2 * LANES] = {0};
    const ptrdiff_t left = p->columns - column, width = left < vectors * LANES ? left : vectors * LANES;
    if (p->bias) memcpy(bias, p->bias + column, (size_t)width * sizeof *bias);
    place at = {p->values, p->out + column, 0, 0};
    for (ptrdiff_t rest = p->samples * p->height * p->width; rest > 0; rest -= high) {
        const int count = rest < high ? (int)rest : high;
        gather(&at, p, high, count, from, to);
        if (count > high / 2) NAME(tile)(high, vectors, p, b, bias, from, to, count, width);
        else NAME(tile)(high / 2, vectors, p, b, bias, from, to, count, width);
    }
}

TARGET static void NAME(convolve)(const passage *p) {
    const ptrdiff_t rows = p->tap_rows * p->tap_columns * p->channels;
    for (ptrdiff_t column = 0; column < p->columns; column += 2 * LANES) {
        const float *b = p->packed + column * rows;
        if (p->columns - column > LANES) NAME(strip)(2, p, b, column);
        else NAME(strip)(1, p, b, column);
    }
}

/* LANES channels from `channel` on; with `is_short`, all channels there are. */
TARGET INLINE void NAME(channel_strip)(int is_short, const passage *p, ptrdiff_t channel, ptrdiff_t done) {
    const ptrdiff_t stride = (p->columns + MOST_LANES - 1) / MOST_LANES * MOST_LANES;
    const float *from[PIXELS];
    float *to[PIXELS], bias[LANES] = {0};
    const ptrdiff_t width = is_short ? p->columns : LANES;
    if (p->bias) memcpy(bias, p->bias + channel, (size_t)width * sizeof *bias);
    place at = {p->values + channel, p->out + channel, 0, 0};
    for (ptrdiff_t rest = p->samples * p->height * p->width; rest > 0; rest -= PIXELS) {
        const int count = rest < PIXELS ? (int)rest : PIXELS;
        const float *b = p->packed + channel;
        vector sum[PIXELS];
        gather(&at, p, PIXELS, count, from, to);
        UNROLLED for (int i = 0; i < PIXELS; i++) memcpy(&sum[i], bias, sizeof sum[i]);
        for (ptrdiff_t y = 0; y < p->tap_rows; y++) {
            for (ptrdiff_t x = 0; x < p->tap_columns; x++, b += stride) {
                const ptrdiff_t r = y * p->tap_row + x * p->tap_column;
                const vector right = *(const vector *)b;
                UNROLLED for (int i = 0; i < PIXELS; i++) {
                    sum[i] += right * (is_short ? NAME(beginning)(from[i] + r, width) : *(const vector *)(from[i] + r));
                }
            }
        }
        if (count == PIXELS && !is_short && done == 0) {
            UNROLLED for (int i = 0; i < PIXELS; i++) {
                if (p->adds) sum[i] += *(const vector *)to[i];
                *(vector *)to[i] = p->slope == 1 ? sum[i] : NAME(rectified)(sum[i], p->slope);
            }
            continue;
        }
        vector sums[PIXELS];
        UNROLLED for (int i = 0; i < PIXELS; i++) sums[i] = sum[i];
        for (int i = 0; i < count; i++) {
            NAME(finish)(p, (const float *)(sums + i) + done, to[i] + done, width - done);
        }
    }
}

TARGET static void NAME(depthwise)(const passage *p) {
    if (p->columns < LANES) {
        NAME(channel_strip)(1, p, 0, 0);
        return;
    }
    for (ptrdiff_t channel = 0; channel < p->columns; channel += LANES) {
        /* The last strip ends where the pixels do. */
        const ptrdiff_t over = channel + LANES - p->columns;
        NAME(channel_strip)(0, p, over > 0 ? channel - over : channel, over > 0 ? over : 0);
    }
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

/* rows x (vectors * LANES) numbers of a gradient: outputs `first` to `first + count`, some taps of channels. */
TARGET INLINE void NAME(output_tile)(int rows, int vectors, const sweep *s, const part *p, ptrdiff_t first,
                                     ptrdiff_t count, const tap_block *blocks) {
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

/* Some taps of channels, for all outputs. */
TARGET INLINE void NAME(output_strip)(int vectors, const sweep *s, const part *p, const tap_block *blocks) {
    for (ptrdiff_t i = 0; i < p->count; i += OUTPUTS) {
        const ptrdiff_t count = p->count - i < OUTPUTS ? p->count - i : OUTPUTS;
        if (count > OUTPUTS / 2) NAME(output_tile)(OUTPUTS, vectors, s, p, p->first + i, count, blocks);
        else NAME(output_tile)(OUTPUTS / 2, vectors, s, p, p->first + i, count, blocks);
    }
}

TARGET static void NAME(output_gradient)(const sweep *s, const part *p) {
    const ptrdiff_t columns = (p->columns + LANES - 1) / LANES * p->order.count;
    for (ptrdiff_t j = 0; j < columns; j += BLOCKS) {
        tap_block blocks[BLOCKS];
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
                const vector right = is_short ? NAME(beginning)(d, width) : *(const vector *)d;
                UNROLLED for (int i = 0; i < TAPS; i++) {
                    const float *left = a + offsets[i];
                    sum[i] += right * (is_short ? NAME(beginning)(left, width) : *(const vector *)left);
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
