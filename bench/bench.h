/* What the benchmark programs share: failing calls, the clock, made-up numbers, and the worker's protocol.
 *
 * A worker sets up its work, prints "ready" and then answers every line of standard input by one repetition and one
 * line of JSON with what it measured. The driver asks several workers in turn, so that all see the same machine. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "teleport.h"

#define TRY(call)                                                        \
    do {                                                                 \
        if ((call) < 0) {                                                \
            fprintf(stderr, "%s: %s\n", #call, tp_error_message());      \
            exit(1);                                                     \
        }                                                                \
    } while (0)

static inline double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void *allocate(size_t count, size_t size) {
    void *block = calloc(count ? count : 1, size);
    if (!block) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return block;
}

/* Uniform in +-scale / 2, the same in every process. */
static inline float *numbers(size_t count, float scale) {
    static uint32_t state = 1;
    float *x = allocate(count, sizeof *x);
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = scale * ((float)(state >> 8) / 16777216.0f - 0.5f);
    }
    return x;
}

/* "784,64,64,10" into widths; returns how many. */
static inline int parse_widths(const char *text, int32_t *widths, int capacity) {
    int count = 0;
    while (count < capacity) {
        char *end;
        long value = strtol(text, &end, 10);
        if (end == text || value < 1) break;
        widths[count++] = (int32_t)value;
        if (*end != ',') break;
        text = end + 1;
    }
    return count;
}

static inline int32_t *cyclic_labels(size_t count, int classes) {
    int32_t *labels = allocate(count, sizeof *labels);
    for (size_t i = 0; i < count; i++) labels[i] = (int32_t)(i % (size_t)classes);
    return labels;
}

/* Runs `repetition`, which prints one line, for every line that arrives. */
static inline int serve(void (*repetition)(void *), void *state) {
    char line[64];
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        repetition(state);
        fflush(stdout);
    }
    return 0;
}

#endif
