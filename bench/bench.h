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

/* Whether a method has the word behind a colon. */
static inline int has_word(const char *method, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = method; (at = strchr(at, ':'));) {
        at++;
        if (!strncmp(at, word, length) && (at[length] == ':' || !at[length])) return 1;
    }
    return 0;
}

/* A model by a method's words: the activation. */
static inline tp_model *model_by(const char *method, const int32_t *widths, int count) {
    tp_model_config config;
    tp_model *model;
    TRY(tp_model_config_init(&config, sizeof config));
    if (has_word(method, "tanh")) config.activation = TP_ACTIVATION_TANH;
    if (has_word(method, "sigmoid")) config.activation = TP_ACTIVATION_SIGMOID;
    TRY(tp_model_create_mlp(&model, widths, (size_t)count, &config));
    return model;
}

/* A trainer by a method's words, "sgd:tanh:mse" or "adamw:schedule_free:rotate": an optimizer, then the model's
 * activation, the loss, an average and frames. */
static inline tp_trainer *trainer_by(const char *method, tp_model *model) {
    static const char *const optimizers[] = {"sgd",     "momentum", "nesterov", "adagrad",
                                             "rmsprop", "adam",     "adamw",    "dog"};
    static const char *const kinds[] = {"whiten", "rotate", "centre"}; /* in the order of the header's enums */
    char words[64], *rest = words, *word;
    int known = 0, framed = 0;
    tp_optimizer_config config;
    tp_frame_config frames;
    tp_trainer *trainer;
    TRY(tp_optimizer_config_init(&config, sizeof config));
    TRY(tp_frame_config_init(&frames, sizeof frames));
    config.learning_rate = 1e-4;
    snprintf(words, sizeof words, "%s", method);
    for (int place = 0; (word = strsep(&rest, ":")); place++, known = 0) {
        for (int i = 0; place == 0 && i < 8; i++) {
            if (!strcmp(word, optimizers[i])) config.optimizer = i, known = 1;
        }
        for (int i = 0; place > 0 && i < 3; i++) {
            if (!strcmp(word, kinds[i])) frames.kind = i, framed = known = 1;
        }
        if (place > 0 && !strcmp(word, "schedule_free")) config.average = TP_AVERAGE_SCHEDULE_FREE, known = 1;
        if (place > 0 && (!strcmp(word, "tanh") || !strcmp(word, "sigmoid") || !strcmp(word, "mse"))) known = 1;
        if (!known) {
            fprintf(stderr, "%s: no method\n", method);
            exit(2);
        }
    }
    const tp_loss loss = has_word(method, "mse") ? TP_LOSS_MEAN_SQUARED_ERROR : TP_LOSS_CROSS_ENTROPY;
    TRY(tp_trainer_create(&trainer, model, loss, &config));
    if (framed) TRY(tp_trainer_set_frames(trainer, &frames));
    return trainer;
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
