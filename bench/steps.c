/* Training steps beside the bare matrix products they are made of.
 *
 *   steps [threads]                                     the nets of the table, Markdown
 *   steps --serve WIDTHS BATCH METHOD THREADS           a worker for one net; see bench.h
 *
 * For each net: F, the step's floating-point work at the best sgemm rate of one core (n = 512); B, the same products
 * called one after the other on the same OpenBLAS, best order of calls known to us; and a step through the library. All
 * interleaved, minimum and median of the repetitions, microseconds. With more threads F and B are divided by them.
 * In frames a repetition has 200 steps, so that each has its refresh of them. */
#define _GNU_SOURCE
#include <sched.h>

#include "bench.h"

void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);

/* The names of malloc and free in the library's copy of OpenBLAS. */
void *shim_blas_malloc(size_t size);
void *shim_blas_malloc(size_t size) { return malloc(size); }
void shim_blas_free(void *block);
void shim_blas_free(void *block) { free(block); }

enum { ROW = 101, NO = 111, YES = 112, max_widths = 64 };

typedef struct {
    int32_t widths[max_widths];
    int count;
    int batch;
    const char *method;
} net;

static const net nets[] = {
    {{784, 64, 64, 10}, 4, 32, "sgd"},        {{784, 16, 10, 10}, 4, 20, "sgd"},
    {{784, 64, 64, 10}, 4, 32, "adam"},       {{784, 512, 512, 10}, 4, 256, "sgd"},
    {{3072, 1024, 1024, 10}, 4, 256, "sgd"},  {{784, 64, 64, 10}, 4, 32, "sgd:whiten"},
    {{784, 64, 64, 10}, 4, 32, "dog:whiten"}, {{784, 512, 512, 10}, 4, 256, "sgd:whiten"},
};

typedef struct {
    net net;
    int threads, inner, steps;
    double flop;
    float *weights[max_widths], *outputs[max_widths], *errors[max_widths], *x, *targets;
    int32_t *labels;
    tp_batch batch;
    tp_model *model;
    tp_trainer *trainer;
} bench;

typedef struct {
    double rate, bare, step;
} sample;

static double sgemm_rate(void) {
    const int n = 512;
    static float *a, *b, *c;
    if (!a) a = numbers((size_t)n * n, 1), b = numbers((size_t)n * n, 1), c = numbers((size_t)n * n, 1);
    double start = now();
    cblas_sgemm(ROW, NO, NO, n, n, n, 1, a, n, b, n, 0, c, n);
    return 2.0 * n * n * n / (now() - start);
}

static void products(bench *t) {
    const net *w = &t->net;
    int last = w->count - 2, n = w->batch;
    for (int l = 0; l <= last; l++) {
        int in = w->widths[l], out = w->widths[l + 1];
        float *input = l ? t->outputs[l - 1] : t->x;
        cblas_sgemm(ROW, NO, YES, n, out, in, 1, input, in, t->weights[l], in, 0, t->outputs[l], out);
    }
    for (int l = last; l >= 0; l--) {
        int in = w->widths[l], out = w->widths[l + 1];
        float *input = l ? t->outputs[l - 1] : t->x;
        if (l) cblas_sgemm(ROW, NO, NO, n, in, out, 1, t->errors[l], out, t->weights[l], in, 0, t->errors[l - 1], in);
        cblas_sgemm(ROW, YES, NO, out, in, n, -1e-9f, t->errors[l], out, input, in, 1, t->weights[l], in);
    }
}

static double work_of(const net *w) {
    double sum = 0;
    for (int l = 0; l < w->count - 1; l++) sum += (l ? 6.0 : 4.0) * w->batch * w->widths[l] * w->widths[l + 1];
    return sum;
}

static void set_up(bench *t, const net *w, int threads) {
    memset(t, 0, sizeof *t);
    t->net = *w;
    t->threads = threads;
    t->flop = work_of(w);
    t->inner = t->flop > 2e9 ? 1 : t->flop > 5e8 ? 3 : t->flop > 5e7 ? 10 : 60;
    const int framed = has_word(w->method, "whiten") || has_word(w->method, "rotate") || has_word(w->method, "centre");
    t->steps = framed ? 200 : t->inner;
    size_t rows = (size_t)w->batch;
    for (int l = 0; l < w->count - 1; l++) {
        size_t in = (size_t)w->widths[l], out = (size_t)w->widths[l + 1];
        t->weights[l] = numbers(in * out, 0.05f);
        t->outputs[l] = numbers(rows * out, 1);
        t->errors[l] = numbers(rows * out, 1e-3f);
    }
    t->x = numbers(rows * (size_t)w->widths[0], 1);
    t->labels = cyclic_labels(rows, w->widths[w->count - 1]);
    t->batch = (tp_batch){.x = t->x, .x_width = w->widths[0], .labels = t->labels, .count = w->batch};

    if (has_word(w->method, "mse")) {
        t->batch.labels = NULL;
        t->batch.target_width = w->widths[w->count - 1];
        t->batch.targets = t->targets = numbers(rows * (size_t)t->batch.target_width, 1);
    }
    t->model = model_by(w->method, w->widths, w->count);
    t->trainer = trainer_by(w->method, t->model);
}

static void tear_down(bench *t) {
    tp_trainer_free(t->trainer);
    tp_model_free(t->model);
    for (int l = 0; l < t->net.count - 1; l++) free(t->weights[l]), free(t->outputs[l]), free(t->errors[l]);
    free(t->x), free(t->labels), free(t->targets);
}

static sample measure(bench *t) {
    sample s;
    s.rate = sgemm_rate();
    double start = now();
    for (int i = 0; i < t->inner; i++) products(t);
    double middle = now();
    for (int i = 0; i < t->steps; i++) TRY(tp_trainer_step(t->trainer, &t->batch, NULL));
    double end = now();
    s.bare = (middle - start) / t->inner / t->threads;
    s.step = (end - middle) / t->steps;
    return s;
}

static void answer(void *state) {
    bench *t = state;
    sample s = measure(t);
    printf("{\"rate\": %.9g, \"bare\": %.9g, \"seconds\": %.9g, \"flop\": %.9g}\n", s.rate, s.bare, s.step, t->flop);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(const net *w, int threads) {
    enum { repetitions = 45 };
    double bare[repetitions], step[repetitions], rate = 0;
    bench t;
    set_up(&t, w, threads);
    measure(&t);
    for (int r = 0; r < repetitions; r++) {
        sample s = measure(&t);
        bare[r] = s.bare, step[r] = s.step;
        if (s.rate > rate) rate = s.rate;
    }
    qsort(bare, repetitions, sizeof *bare, ascending);
    qsort(step, repetitions, sizeof *step, ascending);
    double floor = t.flop / rate / threads;
    for (int i = 0; i < w->count; i++) printf("%s%d", i ? "-" : "| ", w->widths[i]);
    printf(", batch %d, %s | %d | %.1f | %.1f | %.1f | %.1f | %.2f | %.2f | %.0f |\n", w->batch,
           w->method, threads, 1e6 * floor, 1e6 * bare[0], 1e6 * step[0], 1e6 * step[repetitions / 2],
           step[0] / bare[0], step[0] / floor, rate / 1e9);
    fflush(stdout);
    tear_down(&t);
}

static int serve_net(char **text) {
    net w;
    bench t;
    int threads = atoi(text[3]);
    w.count = parse_widths(text[0], w.widths, max_widths);
    w.batch = atoi(text[1]);
    w.method = text[2];
    if (w.count < 2 || w.batch < 1 || threads < 1) return 2;
    TRY(tp_set_thread_count(threads));
    set_up(&t, &w, threads);
    measure(&t);
    serve(answer, &t);
    tear_down(&t);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 6 && !strcmp(argv[1], "--serve")) return serve_net(argv + 2);
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
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) print_row(&nets[i], threads);
    return 0;
}
