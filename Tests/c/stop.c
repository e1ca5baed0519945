/* How long a teleport of 784-512-512-10 goes on after it was asked to stop, in each of the ways to ask, and that its
 * model is then as it was to the bit; the same of evaluation and descent. Prints what it measures.
 *
 *   stop [requests]     so many for each search, at moments spread over its first seconds; default 1, halfway */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <time.h>

#include "check.h"
#include "fixture.h"

/* Ten times what the library promises, for slow machines. On busy ones the caller's thread may wait for a processor as
 * long as they please: what it works says more, and of what passes only that it ends. */
#define BOUND_PROCESSOR 0.5
#define BOUND_SECONDS 10

enum { inputs = 784, classes = 10, most_samples = 2048 };

static float x[most_samples * inputs];
static int32_t labels[most_samples];

typedef struct {
    const char *name;
    int32_t group, search, objective, activation, samples;
    double seconds; /* requests come within this time, before it has ended */
} task;

static const task tasks[] = {
    {"random scaling", TP_GROUP_SCALING, TP_SEARCH_RANDOM, 0, TP_ACTIVATION_LEAKY_RELU, 2048, 0.4},
    {"random scaling, sharpness", TP_GROUP_SCALING, TP_SEARCH_RANDOM, 3, TP_ACTIVATION_LEAKY_RELU, 2048, 4},
    {"random scaling, curvature", TP_GROUP_SCALING, TP_SEARCH_RANDOM, 4, TP_ACTIVATION_LEAKY_RELU, 2048, 2},
    {"random scaling, rollouts", TP_GROUP_SCALING, TP_SEARCH_RANDOM, 6, TP_ACTIVATION_LEAKY_RELU, 2048, 4},
    {"random linear, 1,000 candidates", TP_GROUP_LINEAR, TP_SEARCH_RANDOM, 0, TP_ACTIVATION_TANH, 2048, 6},
    {"random linear, few samples", TP_GROUP_LINEAR, TP_SEARCH_RANDOM, 0, TP_ACTIVATION_LEAKY_RELU, 512, 4},
    {"random linear, curvature", TP_GROUP_LINEAR, TP_SEARCH_RANDOM, 5, TP_ACTIVATION_TANH, 2048, 6},
    {"random linear, rollouts", TP_GROUP_LINEAR, TP_SEARCH_RANDOM, 6, TP_ACTIVATION_SIGMOID, 1024, 6},
    {"ascent linear", TP_GROUP_LINEAR, TP_SEARCH_ASCENT, 0, TP_ACTIVATION_LEAKY_RELU, 2048, 6},
    {"ascent linear, few samples", TP_GROUP_LINEAR, TP_SEARCH_ASCENT, 0, TP_ACTIVATION_TANH, 512, 1},
    {"ascent linear, sharpness", TP_GROUP_LINEAR, TP_SEARCH_ASCENT, 2, TP_ACTIVATION_TANH, 2048, 8},
    {"ascent scaling, sharpness", TP_GROUP_SCALING, TP_SEARCH_ASCENT, 2, TP_ACTIVATION_LEAKY_RELU, 2048, 6},
    {"ascent null space", TP_GROUP_NULL_SPACE, TP_SEARCH_ASCENT, 0, TP_ACTIVATION_RELU, 512, 1},
    {"ascent level set", TP_GROUP_LEVEL_SET, TP_SEARCH_ASCENT, 0, TP_ACTIVATION_TANH, 2048, 4},
    {"lookahead scaling", TP_GROUP_SCALING, TP_SEARCH_LOOKAHEAD, 0, TP_ACTIVATION_LEAKY_RELU, 2048, 1},
    {"lookahead linear", TP_GROUP_LINEAR, TP_SEARCH_LOOKAHEAD, 0, TP_ACTIVATION_TANH, 2048, 1},
    {"lookahead null space", TP_GROUP_NULL_SPACE, TP_SEARCH_LOOKAHEAD, 0, TP_ACTIVATION_RELU, 512, 2},
    {"lookahead level set", TP_GROUP_LEVEL_SET, TP_SEARCH_LOOKAHEAD, 0, TP_ACTIVATION_SIGMOID, 2048, 4},
};

static double seconds_of(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void fill(void) {
    uint32_t state = 1;
    for (int i = 0; i < most_samples; i++) {
        labels[i] = i % classes;
        for (int j = 0; j < inputs; j++) {
            state = state * 1664525u + 1013904223u;
            x[i * inputs + j] = (float)(state >> 8) / 16777216.0f + (j % classes == labels[i]);
        }
    }
}

static tp_model *make_model(int32_t activation) {
    static const int32_t widths[] = {inputs, 512, 512, classes};
    tp_model *model = NULL;
    tp_model_config config;
    MUST(tp_model_config_init(&config, sizeof config));
    config.activation = activation;
    MUST(tp_model_create_mlp(&model, widths, 4, &config));
    return model;
}

static tp_teleport_config make_config(const task *t) {
    tp_teleport_config config;
    MUST(tp_teleport_config_init(&config, sizeof config));
    config.group = t->group;
    config.search = t->search;
    config.objective = t->objective;
    config.candidates = t->objective == TP_OBJECTIVE_LOOKAHEAD ? 64 : 1000;
    config.steps = t->search == TP_SEARCH_ASCENT ? 200 : 0;
    config.rollout_steps = 300;
    config.learning_rate = 0.01;
    return config;
}

/* Another thread that asks after a while. */
typedef struct {
    double delay;
    clockid_t processor; /* the time that the caller's thread spends on a processor */
    double asked_at, processor_at;
    volatile int32_t flag;
    tp_trainer *trainer; /* asked instead of the flag, if there is one */
} request;

typedef struct {
    double seconds, processor;
} latency;

static void *ask_later(void *argument) {
    request *r = argument;
    struct timespec pause = {(time_t)r->delay, (long)((r->delay - (double)(time_t)r->delay) * 1e9)};
    nanosleep(&pause, NULL);
    r->processor_at = seconds_of(r->processor);
    r->asked_at = seconds_of(CLOCK_MONOTONIC);
    tp_trainer_request_stop(r->trainer);
    __atomic_store_n(&r->flag, 1, __ATOMIC_RELEASE);
    return NULL;
}

static pthread_t asker;

static void begin(request *r) {
    CHECK(!pthread_getcpuclockid(pthread_self(), &r->processor));
    CHECK(!pthread_create(&asker, NULL, ask_later, r));
}

/* The times since the request; none where the call had ended before. */
static latency end(request *r) {
    latency l = {seconds_of(CLOCK_MONOTONIC), seconds_of(r->processor)}, none = {0, 0};
    pthread_join(asker, NULL);
    if (l.seconds < r->asked_at) return none;
    l.seconds -= r->asked_at;
    l.processor -= r->processor_at;
    return l;
}

static int is_soon(latency l) { return l.seconds < BOUND_SECONDS && l.processor < BOUND_PROCESSOR; }

static int32_t ask_flag(void *flag) { return __atomic_load_n((volatile int32_t *)flag, __ATOMIC_ACQUIRE); }

/* A teleport within a run, stopped by the run's flag. */
static latency in_run(const task *t, double delay) {
    request r = {delay, 0, 0, 0, 0, NULL};
    tp_dataset *dataset = NULL;
    tp_run_config run;
    tp_trainer *trainer = NULL;
    tp_teleport_config config = make_config(t);
    tp_model *model = make_model(t->activation);
    float *before = fixture_parameters(model);
    MUST(tp_dataset_from_labels(&dataset, x, inputs, labels, t->samples, classes));
    MUST(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, NULL));
    MUST(tp_run_config_init(&run, sizeof run));
    run.teleport = &config;
    run.teleport_samples = t->samples;
    run.stop_flag = &r.flag;
    run.epochs = 1000000; /* where the teleport ends before the request, the run goes on until then */
    begin(&r);
    tp_status status = tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL);
    latency l = end(&r);
    CHECK_EQUAL(status, TP_STOPPED);
    if (tp_trainer_step_count(trainer) == 0) CHECK(fixture_equals(model, before));
    free(before);
    tp_trainer_free(trainer);
    tp_dataset_free(dataset);
    tp_model_free(model);
    return l;
}

/* A teleport of a trainer, stopped by a request. */
static latency of_trainer(const task *t, double delay) {
    request r = {delay, 0, 0, 0, 0, NULL};
    tp_teleport_config config = make_config(t);
    tp_teleport_report report;
    tp_model *model = make_model(t->activation);
    float *before = fixture_parameters(model);
    tp_batch batch = {.x = x, .x_width = inputs, .labels = labels, .count = t->samples};
    MUST(tp_teleport_report_init(&report, sizeof report));
    MUST(tp_trainer_create(&r.trainer, model, TP_LOSS_CROSS_ENTROPY, NULL));
    begin(&r);
    tp_status status = tp_trainer_teleport(r.trainer, &batch, &config, &report);
    latency l = end(&r);
    /* One that has ended before leaves the request to the next. */
    if (status == TP_OK) status = tp_trainer_teleport(r.trainer, &batch, &config, NULL);
    else CHECK(fixture_equals(model, before) && report.outcome == TP_TELEPORT_NONE);
    CHECK_EQUAL(status, TP_STOPPED);
    CHECK_EQUAL(tp_trainer_undo_teleport(r.trainer) == TP_OK, report.accepted);
    free(before);
    tp_trainer_free(r.trainer);
    tp_model_free(model);
    return l;
}

/* A teleport of a model, stopped by what its thread has set: a flag or a callback. */
static latency of_model(const task *t, double delay, int by_callback) {
    request r = {delay, 0, 0, 0, 0, NULL};
    tp_teleport_config config = make_config(t);
    tp_model *model = make_model(t->activation);
    float *before = fixture_parameters(model);
    tp_batch batch = {.x = x, .x_width = inputs, .labels = labels, .count = t->samples};
    if (by_callback) MUST(tp_set_stop(NULL, ask_flag, (void *)&r.flag));
    else MUST(tp_set_stop(&r.flag, NULL, NULL));
    begin(&r);
    tp_status status = tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, &config, NULL);
    latency l = end(&r);
    CHECK(status == TP_OK || status == TP_STOPPED);
    if (status == TP_STOPPED) CHECK(fixture_equals(model, before));
    /* Still set: the next call ends at once, and the calls of others do not. */
    CHECK_EQUAL(tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, &config, NULL), TP_STOPPED);
    MUST(tp_set_stop(NULL, NULL, NULL));
    MUST(tp_model_loss(model, &batch, TP_LOSS_CROSS_ENTROPY, &(double){0}));
    free(before);
    tp_model_free(model);
    return l;
}

static void check_evaluation_and_descent(void) {
    request r = {0.2, 0, 0, 0, 0, NULL};
    tp_dataset *dataset = NULL;
    tp_metrics metrics;
    tp_plane_function plane;
    tp_plane_config config;
    const double start[] = {-1, -1};
    tp_model *model = make_model(TP_ACTIVATION_TANH);
    MUST(tp_dataset_from_labels(&dataset, x, inputs, labels, most_samples, classes));
    MUST(tp_metrics_init(&metrics, sizeof metrics));
    MUST(tp_set_stop(&r.flag, NULL, NULL));
    begin(&r);
    while (tp_model_evaluate(model, dataset, TP_LOSS_CROSS_ENTROPY, &metrics) == TP_OK) metrics.count = -1;
    latency evaluation = end(&r);
    CHECK_EQUAL(metrics.count, -1);

    r.flag = 0;
    MUST(tp_plane_function_init(&plane, sizeof plane));
    MUST(tp_plane_rosenbrock(&plane));
    MUST(tp_plane_config_init(&config, sizeof config));
    config.steps = 100000000;
    begin(&r);
    CHECK_EQUAL(tp_plane_descend(&plane, start, &config, NULL, 0, NULL, 0), TP_STOPPED);
    latency descent = end(&r);
    MUST(tp_set_stop(NULL, NULL, NULL));
    CHECK(is_soon(evaluation) && is_soon(descent));
    printf("%-32s %13.1f (%6.1f)\n", "evaluation", evaluation.seconds * 1e3, evaluation.processor * 1e3);
    printf("%-32s %13.1f (%6.1f)\n", "descent in the plane", descent.seconds * 1e3, descent.processor * 1e3);
    tp_dataset_free(dataset);
    tp_model_free(model);
}

static latency ask(int way, const task *t, double delay) {
    switch (way % 4) {
    case 0: return in_run(t, delay);
    case 1: return of_trainer(t, delay);
    default: return of_model(t, delay, way % 4 == 3);
    }
}

int main(int argc, char **argv) {
    int requests = argc > 1 ? atoi(argv[1]) : 1;
    fill();
    printf("%-32s %22s %22s\n", "ms from request to end", "worst (processor)", "mean (processor)");
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        if (argc > 2 && !strstr(tasks[i].name, argv[2])) continue;
        latency worst = {0, 0}, sum = {0, 0};
        for (int j = 0; j < requests; j++) {
            latency l = ask(j + (int)i, &tasks[i], tasks[i].seconds * (j + 0.5) / requests);
            CHECK(is_soon(l));
            if (l.seconds > worst.seconds) worst.seconds = l.seconds;
            if (l.processor > worst.processor) worst.processor = l.processor;
            sum.seconds += l.seconds;
            sum.processor += l.processor;
        }
        printf("%-32s %13.1f (%6.1f) %13.1f (%6.1f)\n", tasks[i].name, worst.seconds * 1e3, worst.processor * 1e3,
               sum.seconds / requests * 1e3, sum.processor / requests * 1e3);
        fflush(stdout);
    }
    check_evaluation_and_descent();
    return check_finish();
}
