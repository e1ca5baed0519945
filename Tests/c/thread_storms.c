/* Threads that share nothing but the process: models that are made and freed on different threads, eight trainings at
 * once with several threads each, files, errors with a message for each thread, and a run that another thread stops. */
#define _GNU_SOURCE
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

enum { thread_count = 8, rounds = 60 };

static tp_model *shelf[16];
static float *expected;
static char folder[] = "/tmp/tp-storm-XXXXXX";

/* Makes models, puts each on a shelf and frees what another thread has put there. */
static void *storm(void *argument) {
    long *wrong = argument;
    for (int i = 0; i < rounds * 20; i++) {
        tp_model *model = NULL, *clone = NULL;
        static const int32_t widths[] = {6, 8, 5, 3};
        *wrong += tp_model_create_mlp(&model, widths, 4, NULL) != TP_OK;
        *wrong += tp_model_clone(&clone, model) != TP_OK;
        tp_model_free(__atomic_exchange_n(&shelf[i % 16], model, __ATOMIC_ACQ_REL));
        tp_model_free(clone);
    }
    return NULL;
}

static float *train(const char *path, long *wrong) {
    tp_model *model = NULL;
    tp_trainer *trainer = NULL, *read = NULL;
    tp_dataset *dataset = NULL;
    tp_run_config run;
    tp_teleport_config teleport;
    static const int32_t widths[] = {input_width, 8, 5, class_count};
    *wrong += TP_OK !=
              tp_dataset_from_labels(&dataset, fixture_x, input_width, fixture_labels, sample_count, class_count);
    *wrong += tp_model_create_mlp(&model, widths, 4, NULL) != TP_OK;
    *wrong += tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, NULL) != TP_OK;
    *wrong += tp_run_config_init(&run, sizeof run) != TP_OK;
    *wrong += tp_teleport_config_init(&teleport, sizeof teleport) != TP_OK;
    teleport.rollout_steps = 3;
    run.epochs = 3;
    run.batch_size = 16;
    run.teleport = &teleport;
    run.checkpoint_path = path;
    *wrong += tp_trainer_run(trainer, dataset, dataset, &run, NULL, NULL) != TP_OK;
    *wrong += tp_trainer_load(&read, path) != TP_OK;
    float *parameters = malloc((size_t)tp_model_parameter_count(model) * sizeof *parameters);
    *wrong += !parameters ||
              tp_model_get_parameters(model, parameters, (size_t)tp_model_parameter_count(model)) != TP_OK;
    tp_trainer_free(trainer);
    tp_trainer_free(read);
    tp_dataset_free(dataset);
    tp_model_free(model);
    return parameters;
}

/* Every second thread writes its checkpoints to one and the same file. */
static void *train_many(void *argument) {
    long *wrong = argument;
    char path[80];
    static int number;
    int own = __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED);
    snprintf(path, sizeof path, "%s/%d", folder, own % 2 ? own : 0);
    for (int i = 0; i < rounds / 10; i++) {
        float *parameters = train(path, wrong);
        *wrong += !parameters || memcmp(parameters, expected, 119 * sizeof *parameters) != 0;
        free(parameters);
    }
    return NULL;
}

static void *fail(void *argument) {
    long *wrong = argument;
    static int number;
    char text[32];
    int own = __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED);
    *wrong += tp_error_message()[0] != 0;
    for (int i = 0; i < rounds * 20; i++) {
        tp_model *model = NULL;
        int32_t widths[] = {3, -1000 - own, 2};
        *wrong += tp_model_create_mlp(&model, widths, 3, NULL) != TP_ERROR_INVALID_ARGUMENT;
        snprintf(text, sizeof text, "is -%d", 1000 + own);
        *wrong += !strstr(tp_error_message(), text);
    }
    return NULL;
}

static void on_threads(void *(*work)(void *)) {
    pthread_t threads[thread_count];
    long wrong[thread_count] = {0};
    for (int i = 0; i < thread_count; i++) {
        if (!CHECK(pthread_create(&threads[i], NULL, work, &wrong[i]) == 0)) exit(1);
    }
    for (int i = 0; i < thread_count; i++) {
        pthread_join(threads[i], NULL);
        CHECK_EQUAL(wrong[i], 0);
    }
}

static volatile int32_t stop;

static void *stop_soon(void *argument) {
    struct timespec wait = {0, 50000000};
    (void)argument;
    nanosleep(&wait, NULL);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void check_stop_flag(void) {
    pthread_t thread;
    tp_run_config run;
    tp_model *model = fixture_model(TP_ACTIVATION_RELU);
    tp_trainer *trainer = fixture_trainer(model);
    tp_dataset *dataset = fixture_dataset();
    MUST(tp_run_config_init(&run, sizeof run));
    run.epochs = INT32_MAX;
    run.stop_flag = &stop;
    CHECK(pthread_create(&thread, NULL, stop_soon, NULL) == 0);
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_STOPPED);
    CHECK(tp_trainer_step_count(trainer) > 0);
    pthread_join(thread, NULL);
    tp_trainer_free(trainer);
    tp_model_free(model);
    tp_dataset_free(dataset);
}

int main(void) {
    long wrong = 0;
    char command[64], path[80];
    fixture_fill();
    if (!mkdtemp(folder)) return 2;
    snprintf(path, sizeof path, "%s/0", folder);
    for (int32_t threads = 1; threads <= 2; threads++) {
        MUST(tp_set_thread_count(threads));
        expected = train(path, &wrong);
        CHECK_EQUAL(wrong, 0);
        on_threads(storm);
        on_threads(train_many);
        on_threads(fail);
        free(expected);
    }
    for (int i = 0; i < 16; i++) tp_model_free(shelf[i]);
    check_stop_flag();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
    return check_finish();
}
