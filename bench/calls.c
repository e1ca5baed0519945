/* What a call costs the host.
 *
 *   calls build                                         the library's build line
 *   calls --serve overhead                              a worker: calls with next to no arithmetic, seconds each
 *   calls --serve epoch SAMPLES                         a worker: one epoch of 784-64-64-10, batch 32, from memory
 *   calls allocations WIDTHS BATCH METHOD THREADS STEPS [BEFORE]
 *       allocations in the steps after the first, or after so many; needs malloc_count.so preloaded
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "bench.h"

static tp_trainer *trainer_of(const int32_t *widths, int count, const char *method) {
    tp_model *model;
    TRY(tp_model_create_mlp(&model, widths, (size_t)count, NULL));
    tp_trainer *trainer = trainer_by(method, model);
    tp_model_free(model);
    return trainer;
}

typedef struct {
    tp_trainer *trainer;
    tp_model *model;
    tp_dataset *set;
    tp_batch batch;
} state;

static void overhead(void *context) {
    enum { rounds = 20000 };
    state *s = context;
    double out[1], start = now(), loss = 0;
    int64_t steps = 0;
    float raw[1];
    for (int i = 0; i < rounds; i++) TRY(tp_trainer_step(s->trainer, &s->batch, out));
    double stepped = now();
    for (int i = 0; i < rounds; i++) TRY(tp_model_predict(s->model, s->batch.x, 1, 1, TP_OUTPUT_RAW, raw, 1));
    double predicted = now();
    for (int i = 0; i < rounds; i++) TRY(tp_model_loss(s->model, &s->batch, TP_LOSS_CROSS_ENTROPY, &loss));
    double lost = now();
    for (int i = 0; i < rounds; i++) steps += tp_trainer_step_count(s->trainer);
    double read = now();
    if (steps < 0 || loss < 0) exit(1);
    printf("{\"trainer step\": %.9g, \"predict\": %.9g, \"loss\": %.9g, \"step count\": %.9g}\n",
           (stepped - start) / rounds, (predicted - stepped) / rounds, (lost - predicted) / rounds,
           (read - lost) / rounds);
}

static int serve_overhead(void) {
    static const float x[1] = {0.5f};
    static const int32_t labels[1] = {0}, widths[2] = {1, 1};
    state s = {trainer_of(widths, 2, "sgd"), NULL, NULL, {x, 1, labels, NULL, 0, NULL, 1}};
    TRY(tp_trainer_model(&s.model, s.trainer));
    return serve(overhead, &s);
}

static void epoch(void *context) {
    state *s = context;
    double start = now();
    TRY(tp_trainer_run(s->trainer, s->set, NULL, NULL, NULL, NULL));
    printf("{\"seconds\": %.9g}\n", now() - start);
}

static int serve_epoch(int64_t samples) {
    static const int32_t widths[4] = {784, 64, 64, 10}, shape[3] = {1, 28, 28};
    uint8_t *pixels = allocate((size_t)samples, 784);
    int32_t *labels = cyclic_labels((size_t)samples, 10);
    uint32_t noise = 1;
    for (size_t i = 0; i < (size_t)samples * 784; i++)
        pixels[i] = (uint8_t)((noise = noise * 1664525u + 1013904223u) >> 24);
    state s = {trainer_of(widths, 4, "sgd"), NULL, NULL, {0}};
    TRY(tp_set_thread_count(1));
    TRY(tp_dataset_from_pixels(&s.set, pixels, shape, labels, samples, NULL));
    free(pixels), free(labels);
    return serve(epoch, &s);
}

static int count_allocations(char **text, int before_them) {
    int32_t widths[8];
    int count = parse_widths(text[0], widths, 8), rows = atoi(text[1]);
    long (*calls)(void);
    *(void **)&calls = dlsym(RTLD_DEFAULT, "malloc_calls");
    if (!calls || count < 2 || rows < 1) {
        fprintf(stderr, "needs LD_PRELOAD=malloc_count.so and a net\n");
        return 2;
    }
    TRY(tp_set_thread_count(atoi(text[3])));
    float *x = numbers((size_t)rows * (size_t)widths[0], 1);
    tp_batch batch = {.x = x, .x_width = widths[0],
                      .labels = cyclic_labels((size_t)rows, widths[count - 1]), .count = rows};
    tp_trainer *trainer = trainer_of(widths, count, text[2]);
    for (int i = 0; i < before_them; i++) TRY(tp_trainer_step(trainer, &batch, NULL));
    int steps = atoi(text[4]);
    long before = calls();
    for (int i = 0; i < steps; i++) TRY(tp_trainer_step(trainer, &batch, NULL));
    printf("%ld\n", calls() - before);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "build")) return printf("%s\n", tp_build_info()) < 0;
    if (argc == 3 && !strcmp(argv[2], "overhead")) return serve_overhead();
    if (argc == 4 && !strcmp(argv[2], "epoch") && atoll(argv[3]) > 0) return serve_epoch(atoll(argv[3]));
    if ((argc == 7 || argc == 8) && !strcmp(argv[1], "allocations")) {
        return count_allocations(argv + 2, argc == 8 ? atoi(argv[7]) : 1);
    }
    fprintf(stderr, "see the head of calls.c\n");
    return 2;
}
