/* Vectors for kernels that are compiled for several kinds of processor. */
#ifndef TP_VECTOR_H
#define TP_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
/* The functions that choose run before ThreadSanitizer has begun and crash when it has instrumented them. */
#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

/* Sixteen floats: one AVX-512 register, two of AVX2, four of SSE2 or NEON. */
typedef float vector __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));
enum { LANES = 16 };

static const ints lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

INLINE void load(vector *v, const float *p) { memcpy(v, p, sizeof *v); }
INLINE void store(float *p, const vector *v) { memcpy(p, v, sizeof *v); }

/* Rows follow each other, so lanes after a row's end are the next rows': they may be read, and written as they were.
 * After the last row there may be nothing, or another thread's row: what comes within a vector of it is read and
 * written by the element. */
INLINE void load_some(vector *v, const float *p, ptrdiff_t count) {
    float values[LANES] = {0};
    for (ptrdiff_t i = 0; i < count; i++) values[i] = p[i];
    memcpy(v, values, sizeof *v);
}

INLINE void store_some(float *p, const vector *v, ptrdiff_t count) {
    float values[LANES];
    memcpy(values, v, sizeof values);
    for (ptrdiff_t i = 0; i < count; i++) p[i] = values[i];
}

INLINE void select(vector *out, const ints *mask, const vector *yes, const vector *no) {
    ints a, b;
    memcpy(&a, yes, sizeof a);
    memcpy(&b, no, sizeof b);
    a = (a & *mask) | (b & ~*mask);
    memcpy(out, &a, sizeof a);
}

/* `count` channels of a position; `left`: floats from the first of them to the image's end. What comes after the
 * channels is read where there is that much, and means nothing. */
INLINE void load_channels(vector *v, const float *p, ptrdiff_t count, ptrdiff_t left) {
    if (left >= LANES) load(v, p);
    else load_some(v, p, count);
}

/* What comes after the channels is written as it was. */
INLINE void store_channels(float *p, const vector *v, ptrdiff_t count, ptrdiff_t left) {
    if (count == LANES) {
        store(p, v);
    } else if (left >= LANES) {
        const ints lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, inside = lane < (int32_t)count;
        vector before, after;
        load(&before, p);
        select(&after, &inside, v, &before);
        store(p, &after);
    } else {
        store_some(p, v, count);
    }
}

INLINE void load_row(vector *v, const float *p, ptrdiff_t count) {
    if (count >= LANES) load(v, p);
    else load_some(v, p, count);
}

#endif
