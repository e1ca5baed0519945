/* Training steps beside the bare matrix products they are made of.
 *
 *   steps [threads]
 *
 * For each net: F, the step's floating-point work at the best sgemm rate of one core (n = 512); B, the same products
 * called one after the other on the same OpenBLAS, best order of calls known to us; and a step through the library. All
 * interleaved, minimum and median of the repetitions, microseconds. With more threads F and B are divided by them. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "teleport.h"

void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);
enum { ROW = 101, NO = 111, YES = 112 };

#define TRY(call)                                                                   \
    do {                                                                            \
        if ((call) < 0) {                                                           \
            fprintf(stderr, "%s: %s\n", #call, tp_error_message());                 \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

typedef struct {
    const char *name;
    int32_t widths[8];
    int count;
    int batch;
    int optimizer;
} work;

static const work works[] = {
    {"784-64-64-10, batch 32, SGD", {784, 64, 64, 10}, 4, 32, TP_OPTIMIZER_SGD},
    {"784-16-10-10, batch 20, SGD", {784, 16, 10, 10}, 4, 20, TP_OPTIMIZER_SGD},
    {"784-64-64-10, batch 32, Adam", {784, 64, 64, 10}, 4, 32, TP_OPTIMIZER_ADAM},
    {"784-512-512-10, batch 256, SGD", {784, 512, 512, 10}, 4, 256, TP_OPTIMIZER_SGD},
    {"3072-1024-1024-10, batch 256, SGD", {3072, 1024, 1024, 10}, 4, 256, TP_OPTIMIZER_SGD},
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *numbers(size_t count, float scale) {
    float *x = malloc(count * sizeof *x);
    if (!x) exit(1);
    static uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = scale * ((float)(state >> 8) / 16777216.0f - 0.5f);
    }
    return x;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double sgemm_rate(void) {
    const int n = 512;
    static float *a, *b, *c;
    if (!a) a = numbers((size_t)n * n, 1), b = numbers((size_t)n * n, 1), c = numbers((size_t)n * n, 1);
    double start = now();
    cblas_sgemm(ROW, NO, NO, n, n, n, 1, a, n, b, n, 0, c, n);
    return 2.0 * n * n * n / (now() - start);
}

typedef struct {
    float *weights[8], *outputs[8], *errors[8];
} nets;

static void products(const work *w, nets *t, float *x) {
    int last = w->count - 2, n = w->batch;
    for (int l = 0; l <= last; l++) {
        int in = w->widths[l], out = w->widths[l + 1];
        float *input = l ? t->outputs[l - 1] : x;
        cblas_sgemm(ROW, NO, YES, n, out, in, 1, input, in, t->weights[l], in, 0, t->outputs[l], out);
    }
    for (int l = last; l >= 0; l--) {
        int in = w->widths[l], out = w->widths[l + 1];
        float *input = l ? t->outputs[l - 1] : x;
        if (l) cblas_sgemm(ROW, NO, NO, n, in, out, 1, t->errors[l], out, t->weights[l], in, 0, t->errors[l - 1], in);
        cblas_sgemm(ROW, YES, NO, out, in, n, -1e-9f, t->errors[l], out, input, in, 1, t->weights[l], in);
    }
}

static double work_of(const work *w) {
    double sum = 0;
    for (int l = 0; l < w->count - 1; l++) {
        sum += (l ? 6.0 : 4.0) * w->batch * w->widths[l] * w->widths[l + 1];
    }
    return sum;
}

static void measure(const work *w, int threads, int repetitions) {
    nets t;
    for (int l = 0; l < w->count - 1; l++) {
        size_t in = (size_t)w->widths[l], out = (size_t)w->widths[l + 1];
        t.weights[l] = numbers(in * out, 0.05f);
        t.outputs[l] = numbers((size_t)w->batch * out, 1);
        t.errors[l] = numbers((size_t)w->batch * out, 1e-3f);
    }
    size_t samples = (size_t)w->batch * (size_t)w->widths[0];
    float *x = numbers(samples, 1);
    int32_t *labels = malloc((size_t)w->batch * sizeof *labels);
    if (!labels) exit(1);
    for (int i = 0; i < w->batch; i++) labels[i] = i % 10;
    tp_batch batch = {x, w->widths[0], labels, NULL, 0, NULL, w->batch};

    tp_model *model;
    tp_trainer *trainer;
    tp_optimizer_config config;
    TRY(tp_model_create_mlp(&model, w->widths, (size_t)w->count, NULL));
    TRY(tp_optimizer_config_init(&config, sizeof config));
    config.optimizer = w->optimizer;
    config.learning_rate = 1e-4;
    TRY(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, &config));

    double flop = work_of(w);
    int inner = flop > 5e8 ? 3 : flop > 5e7 ? 20 : 400;
    double *bare = malloc(sizeof *bare * (size_t)repetitions), *step = malloc(sizeof *step * (size_t)repetitions);
    if (!bare || !step) exit(1);
    double rate = 0;
    for (int r = -1; r < repetitions; r++) {
        for (int i = 0; i < 3; i++) {
            double now_rate = sgemm_rate();
            if (now_rate > rate) rate = now_rate;
        }
        double start = now();
        for (int i = 0; i < inner; i++) products(w, &t, x);
        double middle = now();
        for (int i = 0; i < inner; i++) TRY(tp_trainer_step(trainer, &batch, NULL));
        double end = now();
        if (r >= 0) bare[r] = (middle - start) / inner / threads, step[r] = (end - middle) / inner;
    }
    qsort(bare, (size_t)repetitions, sizeof *bare, ascending);
    qsort(step, (size_t)repetitions, sizeof *step, ascending);
    double floor = flop / rate / threads;
    printf("| %s | %d | %.1f | %.1f | %.1f | %.1f | %.2f | %.2f | %.0f |\n", w->name, threads, 1e6 * floor, 1e6 * bare[0],
           1e6 * step[0], 1e6 * step[repetitions / 2], step[0] / bare[0], step[0] / floor, rate / 1e9);
    fflush(stdout);
    tp_trainer_free(trainer);
    tp_model_free(model);
    for (int l = 0; l < w->count - 1; l++) free(t.weights[l]), free(t.outputs[l]), free(t.errors[l]);
    free(x), free(labels), free(bare), free(step);
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    if (threads < 1) return 2;
    if (threads == 1) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(sched_getcpu(), &one);
        sched_setaffinity(0, sizeof one, &one);
    }
    TRY(tp_set_thread_count(threads));
    printf("%s\n\n", tp_build_info());
    printf("| step | threads | F us | B us | step us (min) | (median) | step / B | step / F | sgemm GFLOP/s |\n");
    printf("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) measure(&works[i], threads, 15);
    return 0;
}
