/* A training step allocates nothing after the first one of its size, in frames and with their refresh too, whatever
 * kernels OpenBLAS chooses, and goes on where malloc has nothing to give. The program runs itself once for each kind of
 * kernels that this processor has.
 *
 * malloc, its kin and mmap below stand before the system's. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static long calls;
static int fails;

/* Counts one call and says whether it is to fail. */
static int refused(void) {
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    return __atomic_load_n(&fails, __ATOMIC_RELAXED);
}

void *malloc(size_t size) { return refused() ? NULL : __libc_malloc(size); }
void *calloc(size_t number, size_t size) { return refused() ? NULL : __libc_calloc(number, size); }
void *realloc(void *block, size_t size) { return refused() ? NULL : __libc_realloc(block, size); }
void *memalign(size_t alignment, size_t size) { return refused() ? NULL : __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **out, size_t alignment, size_t size) {
    void *block = memalign(alignment, size);
    if (!block) return ENOMEM;
    *out = block;
    return 0;
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    long result = refused() ? -1 : syscall(SYS_mmap, address, length, protection, flags, file, offset);
    return result == -1 ? MAP_FAILED : (void *)result;
}

typedef struct {
    int32_t widths[4];
    int32_t batch;
} net;

/* Those of the benchmarks. */
static const net nets[] = {
    {{784, 64, 64, 10}, 32},     {{784, 16, 10, 10}, 20},       {{784, 512, 512, 10}, 256},
    {{3072, 1024, 1024, 10}, 256}, {{64, 32, 32, 10}, 32},
};

static float *numbers(size_t count) {
    float *values = malloc(count * sizeof *values);
    uint32_t state = 1;
    if (!values) exit(2);
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) / 16777216.0f;
    }
    return values;
}

static tp_trainer *make_trainer(const net *net, int32_t optimizer) {
    tp_model *model;
    tp_trainer *trainer;
    tp_optimizer_config config;
    MUST(tp_model_create_mlp(&model, net->widths, 4, NULL));
    MUST(tp_optimizer_config_init(&config, sizeof config));
    config.optimizer = optimizer;
    config.learning_rate = 1e-4;
    config.label_smoothing = optimizer % 2 ? 0.1 : 0;
    MUST(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, &config));
    tp_model_free(model);
    return trainer;
}

/* Frames that are renewed before every step. */
static void set_frames(tp_trainer *trainer, int32_t kind, int32_t input) {
    tp_frame_config frames;
    MUST(tp_frame_config_init(&frames, sizeof frames));
    frames.kind = kind;
    frames.input = input;
    frames.every = frames.early_every = 1;
    frames.samples = 64;
    MUST(tp_trainer_set_frames(trainer, &frames));
}

static void check_steps(tp_trainer *trainer, const net *net, const float *x, const int32_t *labels, int batch) {
    const tp_batch samples = {.x = x, .x_width = net->widths[0], .labels = labels, .count = batch};
    MUST(tp_trainer_step(trainer, &samples, NULL));
    calls = 0;
    __atomic_store_n(&fails, 1, __ATOMIC_RELAXED);
    tp_status first = tp_trainer_step(trainer, &samples, NULL), second = tp_trainer_step(trainer, &samples, NULL);
    __atomic_store_n(&fails, 0, __ATOMIC_RELAXED);
    long asked = calls;
    if (!(CHECK_EQUAL(first, TP_OK) & CHECK_EQUAL(second, TP_OK) & CHECK_EQUAL(asked, 0))) {
        printf("%d-%d-%d-%d with %d samples\n", net->widths[0], net->widths[1], net->widths[2], net->widths[3], batch);
    }
}

/* kind: a tp_frame_kind, or -1 for no frames; the samples are whitened too where the batch is odd. */
static void check_net(const net *net, int smallest, int32_t optimizer, int32_t kind) {
    float *x = numbers((size_t)net->batch * (size_t)net->widths[0]);
    int32_t *labels = calloc((size_t)net->batch, sizeof *labels);
    tp_trainer *trainer = make_trainer(net, optimizer);
    if (!labels) exit(2);
    if (kind >= 0) set_frames(trainer, kind, net->batch % 2 ? TP_FRAME_INPUT_RANK : TP_FRAME_INPUT_CENTRE);
    for (int batch = smallest; batch <= net->batch; batch++) check_steps(trainer, net, x, labels, batch);
    tp_trainer_free(trainer);
    free(labels);
    free(x);
}

/* The second event of a run begins to count, the last but one ends it. */
typedef struct {
    int64_t first, last;
    long asked;
    int steps;
} counting;

static int32_t count_steps(const tp_event *event, void *user_data) {
    counting *c = user_data;
    if (event->kind != TP_EVENT_STEP) return 0;
    if (event->step == c->first) {
        calls = 0;
        __atomic_store_n(&fails, 1, __ATOMIC_RELAXED);
    } else if (event->step == c->last) {
        __atomic_store_n(&fails, 0, __ATOMIC_RELAXED);
        c->asked = calls;
    }
    c->steps++;
    return 0;
}

/* The steps of a run gather their batches, and change the images of them, in memory that they have. */
static void check_run(int32_t count, int augments) {
    static const net net = {{3 * 24 * 20, 32, 16, 10}, 64};
    static const int32_t shape[] = {3, 24, 20};
    uint8_t *pixels = malloc((size_t)count * 3 * 24 * 20);
    int32_t *labels = calloc((size_t)count, sizeof *labels);
    if (!pixels || !labels) exit(2);
    for (int i = 0; i < count * 3 * 24 * 20; i++) pixels[i] = (uint8_t)(i * 7 + i / 911);
    tp_dataset *dataset = NULL;
    tp_trainer *trainer = make_trainer(&net, TP_OPTIMIZER_SGD);
    tp_run_config config;
    tp_augment_config augment;
    counting c = {2, count / net.batch - 1, -1, 0};
    MUST(tp_dataset_from_pixels(&dataset, pixels, shape, labels, count, NULL));
    MUST(tp_augment_config_init(&augment, sizeof augment));
    augment.flip = augment.flip_vertical = 0.5;
    augment.crop = 0.5;
    augment.stretch = 1.5;
    augment.shift = 2;
    MUST(tp_run_config_init(&config, sizeof config));
    config.batch_size = net.batch;
    config.progress_interval = 1;
    if (augments) config.augment = &augment;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &config, count_steps, &c), TP_OK);
    CHECK_EQUAL(c.asked, 0);
    CHECK_EQUAL(c.steps, count / net.batch);
    tp_trainer_free(trainer);
    tp_dataset_free(dataset);
    free(labels);
    free(pixels);
}

static int check_kernels(const char *kernels) {
    static const net small = {{300, 200, 100, 10}, 64}, framed = {{300, 64, 40, 10}, 32},
                     wide = {{300, 264, 40, 10}, 31};
    CHECK_NAMES(tp_build_info(), kernels);
    for (int32_t threads = 1; threads <= 2; threads++) {
        MUST(tp_set_thread_count(threads));
        for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
            check_net(&nets[i], nets[i].batch, TP_OPTIMIZER_SGD, -1);
            check_net(&nets[i], nets[i].batch, TP_OPTIMIZER_ADAM, -1);
        }
        for (int32_t optimizer = TP_OPTIMIZER_SGD; optimizer <= TP_OPTIMIZER_ADAMW; optimizer++) {
            check_net(&small, 1, optimizer, -1);
        }
        for (int32_t optimizer = TP_OPTIMIZER_SGD; optimizer <= TP_OPTIMIZER_DOG; optimizer++) {
            check_net(&framed, framed.batch - 1, optimizer, TP_FRAME_WHITEN);
            check_net(&wide, wide.batch - 1, optimizer, TP_FRAME_WHITEN);
        }
        check_net(&framed, framed.batch - 1, TP_OPTIMIZER_ADAMW, TP_FRAME_ROTATE);
        check_net(&framed, framed.batch - 1, TP_OPTIMIZER_SGD, TP_FRAME_CENTRE);
        for (int augments = 0; augments < 2; augments++) check_run(640, augments);
    }
    return check_finish();
}

/* Adds up what the program finds under one kind of kernels. */
static void run_itself(const char *program, const char *kernels) {
    int ends[2], status = -1;
    char text[4096];
    long passed = 0, failed = 0;
    if (pipe(ends)) exit(2);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        setenv("OPENBLAS_CORETYPE", kernels, 1);
        execl(program, program, kernels, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *output = fdopen(ends[0], "r");
    while (output && fgets(text, sizeof text, output)) {
        if (sscanf(text, "%ld passed, %ld failed", &passed, &failed) != 2) printf("%s: %s", kernels, text);
    }
    if (output) fclose(output);
    waitpid(child, &status, 0);
    if (!WIFEXITED(status)) printf("%s: ended by signal %d\n", kernels, WTERMSIG(status));
    CHECK(WIFEXITED(status) && passed > 0);
    printf("%s: %ld checks held, %ld did not\n", kernels, passed, failed);
    check_passed += passed;
    check_failed += failed;
}

int main(int argc, char **argv) {
    if (argc == 2) return check_kernels(argv[1]);
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) run_itself(argv[0], "Haswell"), run_itself(argv[0], "Zen");
    if (__builtin_cpu_supports("avx512vl")) run_itself(argv[0], "SkylakeX");
    if (__builtin_cpu_supports("avx512bf16")) run_itself(argv[0], "Cooperlake");
#else
    run_itself(argv[0], "");
#endif
    return check_finish();
}
