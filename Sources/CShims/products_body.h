/* One kind of processor's copy of products.c, which sets LANES, ROW_TILE and TARGET. */

#define NAME(name) JOINED(name##_, LANES)
#define vector NAME(vector)

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int NAME(bits) __attribute__((vector_size(4 * LANES)));

/* b in the last `rest` lanes, a in the others. */
TARGET INLINE vector NAME(ending)(vector a, vector b, ptrdiff_t rest) {
    NAME(bits) before, after, mask;
    memcpy(&before, &a, sizeof before);
    memcpy(&after, &b, sizeof after);
    memcpy(&mask, endings + MOST_LANES - LANES + rest, sizeof mask);
    after = (before & ~mask) | (after & mask);
    memcpy(&a, &after, sizeof a);
    return a;
}

/* The sum of the vector's quads. */
TARGET INLINE quad NAME(quads)(vector v) {
    quad part[LANES / 4];
    memcpy(part, &v, sizeof part);
    for (int half = LANES / 8; half; half /= 2) {
        for (int i = 0; i < half; i++) part[i] += part[i + half];
    }
    return part[0];
}

/* Sums of p, q, r and s. */
TARGET INLINE quad NAME(totals)(vector p, vector q, vector r, vector s) {
    const quad a = NAME(quads)(p), b = NAME(quads)(q), c = NAME(quads)(r), d = NAME(quads)(s);
    const quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const quad cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

/* rows x columns of c. */
TARGET INLINE void NAME(row_tile)(int rows, int columns, const float *a, const float *b, ptrdiff_t k, float *c,
                                  ptrdiff_t row_c) {
    vector sum[ROW_TILE][COLUMN_TILE] = {0};
    ptrdiff_t s = 0;
    for (; s + LANES <= k; s += LANES) {
        vector left[ROW_TILE];
        for (int i = 0; i < rows; i++) left[i] = *(const vector *)(a + i * k + s);
        for (int j = 0; j < columns; j++) {
            const vector right = *(const vector *)(b + j * k + s);
            for (int i = 0; i < rows; i++) sum[i][j] += left[i] * right;
        }
    }
    if (s < k) {
        /* The last LANES of each row, zeros for those that have been summed. */
        const vector zero = {0};
        vector left[ROW_TILE];
        for (int i = 0; i < rows; i++) {
            left[i] = NAME(ending)(zero, *(const vector *)(a + i * k + k - LANES), k - s);
        }
        for (int j = 0; j < columns; j++) {
            const vector right = NAME(ending)(zero, *(const vector *)(b + j * k + k - LANES), k - s);
            for (int i = 0; i < rows; i++) sum[i][j] += left[i] * right;
        }
    }
    for (int i = 0; i < rows; i++) {
        const quad total = NAME(totals)(sum[i][0], sum[i][1], sum[i][2], sum[i][3]);
        memcpy(c + i * row_c, &total, (size_t)columns * sizeof *c);
    }
}

TARGET INLINE void NAME(row_block)(const float *a, ptrdiff_t m, const float *b, ptrdiff_t n, ptrdiff_t k, float *c,
                                   ptrdiff_t row_c) {
    for (ptrdiff_t j = 0; j < n;) {
        const int wide = n - j >= COLUMN_TILE;
        for (ptrdiff_t i = 0; i < m;) {
            const float *rows = a + i * k, *columns = b + j * k;
            float *out = c + i * row_c + j;
            const int high = m - i >= ROW_TILE ? ROW_TILE : (int)(m - i);
#define ROW_TILES(height)                                                                           \
    if (high == height && wide) NAME(row_tile)(height, COLUMN_TILE, rows, columns, k, out, row_c);   \
    if (high == height && !wide) NAME(row_tile)(height, 1, rows, columns, k, out, row_c)
#if ROW_TILE == 4
            ROW_TILES(4);
#endif
            ROW_TILES(3);
            ROW_TILES(2);
            ROW_TILES(1);
#undef ROW_TILES
            i += high;
        }
        j += wide ? COLUMN_TILE : 1;
    }
}

/* rows x (vectors * LANES) of c, of which the first `done` columns stay. */
TARGET INLINE void NAME(product_tile)(int rows, int vectors, const shim_product *p, ptrdiff_t row, ptrdiff_t column,
                                      int done) {
    const float *a = p->a + row * p->row_a, *b = p->b + column;
    const ptrdiff_t row_a = p->row_a, column_a = p->column_a, k = p->k, n = p->n;
    const float alpha = p->alpha, beta = p->beta;
    vector sum[SUMS / 2][2] = {0};
    if (p->first_b) {
        for (int i = 0; i < rows; i++) {
            const float first = p->first_a ? p->first_a[row + i] : 1.0f;
            for (int v = 0; v < vectors; v++) sum[i][v] = *(const vector *)(p->first_b + column + v * LANES) * first;
        }
    }
    for (ptrdiff_t s = 0; s < k; s++, a += column_a, b += n) {
        vector right[2];
        for (int v = 0; v < vectors; v++) right[v] = *(const vector *)(b + v * LANES);
        for (int i = 0; i < rows; i++) {
            for (int v = 0; v < vectors; v++) sum[i][v] += right[v] * a[i * row_a];
        }
    }
    for (int i = 0; i < rows; i++) {
        for (int v = 0; v < vectors; v++) {
            vector *out = (vector *)(p->c + (row + i) * n + column + v * LANES);
            const vector total = beta == 0 ? sum[i][v] * alpha : sum[i][v] * alpha + *out * beta;
            *out = done ? NAME(ending)(*out, total, LANES - done) : total;
        }
    }
}

/* A strip of c. */
TARGET INLINE void NAME(product_strip)(int vectors, const shim_product *p, ptrdiff_t column, int done) {
    for (ptrdiff_t row = 0; row < p->m;) {
        const ptrdiff_t rest = p->m - row;
        /* 8 are two tiles of 4: a tile of one row waits for its own sums. */
        const int rows = rest >= SUMS / 2 && rest != 8 ? SUMS / 2 : rest >= 4 ? 4 : 1;
        if (rows == SUMS / 2) NAME(product_tile)(SUMS / 2, vectors, p, row, column, done);
        if (rows == 4) NAME(product_tile)(4, vectors, p, row, column, done);
        if (rows == 1) NAME(product_tile)(1, vectors, p, row, column, done);
        row += rows;
    }
}

TARGET INLINE void NAME(product_strips)(const shim_product *p) {
    const ptrdiff_t n = p->n;
    ptrdiff_t j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES) NAME(product_strip)(2, p, j, 0);
    for (; j < n; j += LANES) {
        /* The last strip ends where the rows do. */
        const ptrdiff_t start = j + LANES <= n ? j : n - LANES;
        NAME(product_strip)(1, p, start, (int)(j - start));
    }
}

TARGET static void NAME(product)(const shim_product *product) {
    shim_product p = *product;
    if (p.row_a == 1) {
        /* A constant of this copy, so that loads have it in their addresses. */
        p.row_a = 1;
        NAME(product_strips)(&p);
    } else {
        NAME(product_strips)(&p);
    }
}

/* Rows of less than SHORT numbers: a vector has as many columns of c, and b is transposed for it. */
TARGET static void NAME(short_row_products)(const float *a, ptrdiff_t m, const float *b, ptrdiff_t n, ptrdiff_t k,
                                            float *c, ptrdiff_t row_c) {
    float turned[SHORT][LANES] __attribute__((aligned(64))) = {0};
    float sums[SHORT_BLOCK][LANES] __attribute__((aligned(64)));
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        const ptrdiff_t count = n - j < LANES ? n - j : LANES;
        for (ptrdiff_t l = 0; l < count; l++) {
            for (ptrdiff_t s = 0; s < k; s++) turned[s][l] = b[(j + l) * k + s];
        }
        for (ptrdiff_t i = 0; i < m; i += SHORT_BLOCK) {
            const shim_product part = {.a = a + i * k, .row_a = k, .column_a = 1, .b = turned[0], .c = sums[0],
                                       .m = m - i < SHORT_BLOCK ? m - i : SHORT_BLOCK, .n = LANES, .k = k, .alpha = 1};
            NAME(product_strip)(1, &part, 0, 0);
            for (ptrdiff_t r = 0; r < part.m; r++) {
                float *out = c + (i + r) * row_c + j;
                if (count == LANES) memcpy(out, sums[r], sizeof *sums);
                else memcpy(out, sums[r], (size_t)count * sizeof *out);
            }
        }
    }
}

TARGET static void NAME(row_products)(const float *a, ptrdiff_t m, const float *b, ptrdiff_t n, ptrdiff_t k, float *c,
                                      ptrdiff_t row_c) {
    if (k < SHORT) {
        NAME(short_row_products)(a, m, b, n, k, c, row_c);
        return;
    }
    /* Rows of a that stay in the second-level cache while all of b passes. */
    const ptrdiff_t block = BLOCK / k > ROW_TILE ? BLOCK / k / ROW_TILE * ROW_TILE : ROW_TILE;
    for (ptrdiff_t i = 0; i < m; i += block) {
        NAME(row_block)(a + i * k, m - i < block ? m - i : block, b, n, k, c + i * row_c, row_c);
    }
}

#undef NAME
#undef vector
#undef LANES
#undef ROW_TILE
#undef TARGET
