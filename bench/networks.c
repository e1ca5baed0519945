/* Training steps of plain SGD of nets that a text makes.
 *
 *   networks text NAME SHAPE                           the text of a known net, "3x32x32" inputs and 10 classes
 *   networks --serve TEXT BATCH THREADS STEPS          a worker, so many steps a repetition; see bench.h
 *   networks allocations TEXT BATCH THREADS STEPS      in so many steps after the first; malloc_count.so is preloaded
 *
 * A text's first line is "input CxHxW". */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "bench.h"

typedef struct {
    tp_trainer *trainer;
    tp_batch batch;
    int steps;
} state;

static int print_text(const char *name, const char *shape_text) {
    int32_t shape[3];
    char text[1 << 16];
    if (sscanf(shape_text, "%dx%dx%d", shape, shape + 1, shape + 2) != 3) return 2;
    TRY(tp_architecture(name, shape, 10, text, sizeof text, NULL));
    return fputs(text, stdout) < 0;
}

static state set_up(char **words) {
    int32_t c, h, w;
    int rows = atoi(words[1]), threads = atoi(words[2]);
    tp_model *model;
    state s = {.steps = atoi(words[3])};
    if (sscanf(words[0], "input %dx%dx%d", &c, &h, &w) != 3 || rows < 1 || threads < 1 || s.steps < 1) {
        fprintf(stderr, "see the head of networks.c\n");
        exit(2);
    }
    TRY(tp_set_thread_count(threads));
    TRY(tp_model_create(&model, words[0], NULL));
    s.trainer = trainer_by("sgd", model);
    tp_model_free(model);
    s.batch = (tp_batch){.x = numbers((size_t)rows * (size_t)(c * h * w), 1), .x_width = c * h * w,
                         .labels = cyclic_labels((size_t)rows, 10), .count = rows};
    TRY(tp_trainer_step(s.trainer, &s.batch, NULL));
    return s;
}

static void take_steps(const state *s) {
    for (int i = 0; i < s->steps; i++) TRY(tp_trainer_step(s->trainer, &s->batch, NULL));
}

static void answer(void *context) {
    const state *s = context;
    double start = now();
    take_steps(s);
    printf("{\"seconds\": %.9g}\n", (now() - start) / s->steps);
}

static int count_allocations(const state *s) {
    long (*calls)(void);
    *(void **)&calls = dlsym(RTLD_DEFAULT, "malloc_calls");
    if (!calls) return 2;
    long before = calls();
    take_steps(s);
    return printf("%ld\n", calls() - before) < 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && !strcmp(argv[1], "text")) return print_text(argv[2], argv[3]);
    if (argc != 6) return fprintf(stderr, "see the head of networks.c\n"), 2;
    state s = set_up(argv + 2);
    if (!strcmp(argv[1], "allocations")) return count_allocations(&s);
    return serve(answer, &s);
}
