/* One kind of processor's copy of convolution.c, which sets LANES, SUMS and TARGET. */

#define NAME(name) JOINED(name##_, LANES)
#define vector NAME(vector)

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int NAME(bits) __attribute__((vector_size(4 * LANES)));
typedef float NAME(half) __attribute__((vector_size(2 * LANES), aligned(4)));
typedef int NAME(half_bits) __attribute__((vector_size(2 * LANES)));

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

TARGET INLINE NAME(half) NAME(half_rectified)(NAME(half) z, float slope) {
    const NAME(half) scaled = z * slope;
    const NAME(half_bits) positive = z > 0;
    NAME(half_bits) yes, no;
    memcpy(&yes, &z, sizeof yes);
    memcpy(&no, &scaled, sizeof no);
    yes = (yes & positive) | (no & ~positive);
    memcpy(&z, &yes, sizeof z);
    return z;
}

/* Two numbers, again and again. */
TARGET INLINE vector NAME(twice)(const float *p) {
    double pair, pairs[LANES / 2];
    memcpy(&pair, p, sizeof pair);
    UNROLLED for (int i = 0; i < LANES / 2; i++) pairs[i] = pair;
    vector v;
    memcpy(&v, pairs, sizeof v);
    return v;
}

/* Sums of neighbouring lanes. */
TARGET INLINE NAME(half) NAME(pair_sums)(vector v) {
#if LANES == 16
    return __builtin_shufflevector(v, v, 0, 2, 4, 6, 8, 10, 12, 14) +
           __builtin_shufflevector(v, v, 1, 3, 5, 7, 9, 11, 13, 15);
#elif LANES == 8
    return __builtin_shufflevector(v, v, 0, 2, 4, 6) + __builtin_shufflevector(v, v, 1, 3, 5, 7);
#else
    return __builtin_shufflevector(v, v, 0, 2) + __builtin_shufflevector(v, v, 1, 3);
#endif
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

/* rows x (LANES / 2) outputs: neighbouring lanes sum the first and the second rows of `pairs`, whose numbers are at
 * `offsets`. */
TARGET INLINE void NAME(pair_tile)(int rows, const passage *p, const float *bias, const ptrdiff_t *offsets,
                                   ptrdiff_t pairs, const float *const *from, float *const *to, int count) {
    const float *b = p->packed;
    vector sum[SUMS] = {0};
    for (ptrdiff_t j = 0; j < pairs; j++, b += LANES) {
        const vector right = *(const vector *)b;
        const ptrdiff_t r = offsets[j];
        UNROLLED for (int i = 0; i < rows; i++) sum[i] += right * NAME(twice)(from[i] + r);
    }
    const NAME(half) added = *(const NAME(half) *)bias;
    if (count == rows && p->columns == LANES / 2 && !p->adds) {
        UNROLLED for (int i = 0; i < rows; i++) {
            const NAME(half) z = NAME(pair_sums)(sum[i]) + added;
            *(NAME(half) *)to[i] = p->slope == 1 ? z : NAME(half_rectified)(z, p->slope);
        }
        return;
    }
    NAME(half) sums[SUMS];
    UNROLLED for (int i = 0; i < rows; i++) sums[i] = NAME(pair_sums)(sum[i]) + added;
    for (int i = 0; i < count; i++) NAME(finish)(p, (const float *)(sums + i), to[i], p->columns);
}

/* Half as many rows as other tiles have: a pair of numbers takes a register until it is multiplied. */
TARGET static void NAME(convolve_pairs)(const passage *p) {
    enum { HIGH = SUMS / 2 };
    const float *from[HIGH];
    float *to[HIGH], bias[LANES / 2] = {0};
    if (p->bias) memcpy(bias, p->bias, (size_t)p->columns * sizeof *bias);
    ptrdiff_t offsets[MOST_PAIRS], pairs = 0;
    for (ptrdiff_t y = 0; y < p->tap_rows; y++) {
        for (ptrdiff_t x = 0; x < p->tap_columns; x++) {
            const ptrdiff_t start = y * p->tap_row + x * p->tap_column;
            for (ptrdiff_t r = 0; r < p->channels; r += 2) {
                offsets[pairs++] = start + (r + 2 <= p->channels ? r : r - 1);
            }
        }
    }
    place at = {p->values, p->out, 0, 0};
    for (ptrdiff_t rest = p->samples * p->height * p->width; rest > 0; rest -= HIGH) {
        const int count = rest < HIGH ? (int)rest : HIGH;
        gather(&at, p, HIGH, count, from, to);
        NAME(pair_tile)(HIGH, p, bias, offsets, pairs, from, to, count);
    }
}

TARGET static void NAME(convolve)(const passage *p) {
    if (is_paired(LANES, p->columns, p->channels, p->tap_rows * p->tap_columns)) {
        NAME(convolve_pairs)(p);
        return;
    }
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

#undef NAME
#undef vector
#undef LANES
#undef SUMS
#undef TARGET
