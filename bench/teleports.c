/* Teleports beside training steps of the same batch.
 *
 *   teleports --list                    the cases: key|peer's arguments|kind of goal|goal|title
 *   teleports --serve KEY SAMPLES       a worker for one case; see bench.h. SAMPLES is written by `folder samples`
 *
 * Every teleport starts from the same weights. One thread. */
#include <math.h>

#include "bench.h"

typedef struct {
    const char *key, *peer, *kind, *goal, *title;
    int32_t widths[4];
    int32_t rows, group, search, layer, sampler, steps, candidates;
    int hold_out; /* 1: the guard keeps a quarter of the batch for itself, as it does by default */
} work;

#define SMALL {784, 16, 10, 10}
#define MIDDLE {784, 64, 64, 10}
#define LARGE {784, 512, 512, 10}
enum { SCALING = TP_GROUP_SCALING, LINEAR = TP_GROUP_LINEAR };
enum { NULL_SPACE = TP_GROUP_NULL_SPACE, LEVEL = TP_GROUP_LEVEL_SET };
enum { LOOKAHEAD = TP_SEARCH_LOOKAHEAD, ASCENT = TP_SEARCH_ASCENT, RANDOM = TP_SEARCH_RANDOM };
enum { ALL = TP_LAYER_ALL, ANY = TP_LAYER_RANDOM, DOMINANT = TP_SAMPLER_DIAGONALLY_DOMINANT };

static const work works[] = {
    {"scaling-ascent", "", "steps", "3", "scaling, ascent, 784-64-64-10, 256 samples", MIDDLE, 256, SCALING, ASCENT,
     ALL, 0, 0, 0, 1},
    {"scaling-lookahead", "", "ms", "35", "scaling, lookahead (the default), 784-64-64-10, 2,048 samples", MIDDLE, 2048,
     SCALING, LOOKAHEAD, ALL, 0, 0, 0, 1},
    {"scaling-random", "", "", "", "scaling, random, 1,000 candidates, 784-64-64-10, 256 samples", MIDDLE, 256, SCALING,
     RANDOM, ALL, 0, 0, 1000, 1},
    {"linear-ascent-16", "ascent 784,16,10,10 200", "faster", "20", "GL, ascent, 10 steps, 784-16-10-10, 200 samples",
     SMALL, 200, LINEAR, ASCENT, ALL, 0, 10, 0, 0},
    {"linear-ascent-64", "ascent 784,64,64,10 200", "faster", "15", "GL, ascent, 10 steps, 784-64-64-10, 200 samples",
     MIDDLE, 200, LINEAR, ASCENT, ALL, 0, 10, 0, 0},
    {"linear-ascent-512", "ascent 784,512,512,10 200", "faster", "8",
     "GL, ascent, 10 steps, 784-512-512-10, 200 samples", LARGE, 200, LINEAR, ASCENT, ALL, 0, 10, 0, 0},
    {"linear-random", "random 784,64,64,10 32", "notebook", "50", "GL, random, 1,000 candidates of 64x64, 32 samples",
     MIDDLE, 32, LINEAR, RANDOM, ANY, DOMINANT, 0, 1000, 0},
    {"linear-random-exp", "", "", "", "GL, random, 1,000 candidates exp(T), 784-64-64-10, 32 samples", MIDDLE, 32,
     LINEAR, RANDOM, ALL, 0, 0, 1000, 0},
    {"linear-lookahead", "", "", "", "GL, lookahead, 784-64-64-10, 2,048 samples", MIDDLE, 2048, LINEAR, LOOKAHEAD,
     ALL, 0, 0, 0, 1},
    {"null-space-ascent", "", "", "", "null space, ascent, 10 steps, 784-64-64-10, 256 samples", MIDDLE, 256,
     NULL_SPACE, ASCENT, ALL, 0, 10, 0, 1},
    {"level-set-ascent", "", "", "", "level set, ascent, 10 steps, 784-64-64-10, 256 samples", MIDDLE, 256, LEVEL,
     ASCENT, ALL, 0, 10, 0, 1},
};

typedef struct {
    const work *work;
    tp_model *model;
    tp_trainer *trainer;
    tp_teleport_config config;
    tp_batch batch;
} bench;

static void read_samples(const char *path, tp_batch *batch, int64_t rows) {
    int32_t head[2];
    FILE *file = fopen(path, "rb");
    if (!file || fread(head, sizeof *head, 2, file) != 2 || head[0] < rows) {
        fprintf(stderr, "%s has not %lld samples\n", path, (long long)rows);
        exit(1);
    }
    size_t values = (size_t)head[0] * (size_t)head[1];
    float *x = allocate(values, sizeof *x);
    int32_t *labels = allocate((size_t)head[0], sizeof *labels);
    if (fread(x, sizeof *x, values, file) != values ||
        fread(labels, sizeof *labels, (size_t)head[0], file) != (size_t)head[0]) {
        exit(1);
    }
    fclose(file);
    *batch = (tp_batch){.x = x, .x_width = head[1], .labels = labels, .count = rows};
}

static void repetition(void *context) {
    bench *b = context;
    tp_model *moved;
    tp_teleport_report report;
    TRY(tp_model_clone(&moved, b->model));
    TRY(tp_teleport_report_init(&report, sizeof report));
    double start = now();
    TRY(tp_model_teleport(moved, &b->batch, TP_LOSS_CROSS_ENTROPY, &b->config, &report));
    double end = now();
    tp_model_free(moved);

    int inner = b->work->rows > 1000 ? 10 : 50;
    double step = 1e9;
    for (int round = 0; round < 3; round++) {
        double from = now();
        for (int i = 0; i < inner; i++) TRY(tp_trainer_step(b->trainer, &b->batch, NULL));
        double each = (now() - from) / inner;
        if (each < step) step = each;
    }
    double change = report.accepted ? fabs(report.loss_after - report.loss_before) / report.loss_before : 0;
    double growth = report.accepted ? report.gradient_norm2_after / report.gradient_norm2_before : 1;
    printf("{\"seconds\": %.9g, \"step\": %.9g, \"loss change\": %.3g, \"growth\": %.4g, "
           "\"outcome\": \"%s, %d steps, %d back\"}\n",
           end - start, step, change, sqrt(growth), tp_teleport_outcome_string(report.outcome), report.steps,
           report.backtracks);
}

int main(int argc, char **argv) {
    size_t count = sizeof works / sizeof *works;
    if (argc == 2 && !strcmp(argv[1], "--list")) {
        for (const work *w = works; w < works + count; w++) {
            printf("%s|%s|%s|%s|%s\n", w->key, w->peer, w->kind, w->goal, w->title);
        }
        return 0;
    }
    bench b = {NULL, NULL, NULL, {0}, {0}};
    for (size_t i = 0; argc == 4 && i < count; i++) {
        if (!strcmp(works[i].key, argv[2])) b.work = &works[i];
    }
    if (!b.work) return 2;
    const work *w = b.work;
    TRY(tp_set_thread_count(1));
    read_samples(argv[3], &b.batch, w->rows);
    TRY(tp_model_create_mlp(&b.model, w->widths, 4, NULL));
    tp_model *copy;
    tp_optimizer_config optimizer;
    TRY(tp_model_clone(&copy, b.model));
    TRY(tp_optimizer_config_init(&optimizer, sizeof optimizer));
    optimizer.learning_rate = 1e-4;
    TRY(tp_trainer_create(&b.trainer, copy, TP_LOSS_CROSS_ENTROPY, &optimizer));
    tp_model_free(copy);

    TRY(tp_teleport_config_init(&b.config, sizeof b.config));
    b.config.group = w->group;
    b.config.search = w->search;
    b.config.layer = w->layer;
    b.config.sampler = w->sampler;
    b.config.steps = w->steps;
    if (w->candidates) b.config.candidates = w->candidates;
    if (!w->hold_out) b.config.held_out_tolerance = -1;
    b.config.learning_rate = 0.01;
    return serve(repetition, &b);
}
