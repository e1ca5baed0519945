/* Epochs of a host's own loop: tp_trainer_end_epoch counts them, checkpoints keep them, runs go on from them, and an
 * epoch that a run was stopped in is over. */
#define _GNU_SOURCE
#include <unistd.h>

#include "check.h"
#include "fixture.h"

static tp_batch batch;
static tp_dataset *dataset;
static char path[] = "/tmp/tp-end-epoch-XXXXXX";

typedef struct {
    tp_trainer *trainer;
    int64_t stop_at; /* the step after which the run stops; 0: none */
    int64_t epochs[8];
    int steps, ended, teleports, is_refused;
} watcher;

static int32_t watch(const tp_event *event, void *user_data) {
    watcher *w = user_data;
    if (event->kind == TP_EVENT_STEP) w->steps++;
    if (event->kind == TP_EVENT_TELEPORT) w->teleports++;
    if (event->kind == TP_EVENT_EPOCH) w->epochs[w->ended++ % 8] = event->epoch;
    w->is_refused = tp_trainer_end_epoch(w->trainer) == TP_ERROR_BAD_STATE;
    return event->kind == TP_EVENT_STEP && event->step == w->stop_at;
}

static watcher run(tp_trainer *trainer, int32_t epochs, int64_t stop_at, const tp_teleport_config *teleport,
                   const int32_t *teleport_epochs, tp_status expected) {
    watcher w = {trainer, stop_at, {0}, 0, 0, 0, 0};
    tp_run_config config;
    MUST(tp_run_config_init(&config, sizeof config));
    config.epochs = epochs;
    config.batch_size = 16; /* 6 steps an epoch */
    config.seed = 5;
    config.progress_interval = 1;
    config.teleport = teleport;
    config.teleport_epochs = teleport_epochs;
    config.teleport_epoch_count = teleport_epochs ? 2 : 0;
    config.teleport_samples = 64;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &config, watch, &w), expected);
    CHECK(w.is_refused);
    return w;
}

static void check_own_loop(void) {
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *trainer = fixture_trainer(model), *read = NULL;
    for (int epoch = 0; epoch < 3; epoch++) {
        CHECK_EQUAL(tp_trainer_epoch(trainer), epoch);
        for (int i = 0; i < 4; i++) MUST(tp_trainer_step(trainer, &batch, NULL));
        CHECK_EQUAL(tp_trainer_end_epoch(trainer), TP_OK);
    }
    CHECK_EQUAL(tp_trainer_epoch(trainer), 3);
    CHECK_EQUAL(tp_trainer_step_count(trainer), 12);
    MUST(tp_trainer_save(trainer, path));
    MUST(tp_trainer_load(&read, path));
    CHECK_EQUAL(tp_trainer_epoch(read), 3);
    /* A run takes the numbers up, and so the shuffles that belong to them. */
    watcher w = run(read, 2, 0, NULL, NULL, TP_OK);
    CHECK_EQUAL(w.ended, 2);
    CHECK_EQUAL(w.epochs[0], 3);
    CHECK_EQUAL(w.epochs[1], 4);
    CHECK_EQUAL(tp_trainer_epoch(read), 5);
    tp_model *trained = NULL;
    MUST(tp_trainer_model(&trained, read));
    run(trainer, 2, 0, NULL, NULL, TP_OK);
    float *expected = fixture_parameters(model);
    CHECK(fixture_equals(trained, expected));
    free(expected);
    tp_model_free(trained);
    tp_trainer_free(read);
    tp_trainer_free(trainer);
    tp_model_free(model);
}

/* What is left of an epoch that a run was stopped in is not trained, in memory and through a checkpoint. */
static void check_stopped_run(void) {
    for (int saved = 0; saved < 2; saved++) {
        tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
        tp_trainer *trainer = fixture_trainer(model);
        watcher w = run(trainer, 3, 8, NULL, NULL, TP_STOPPED); /* two steps into epoch 1 */
        CHECK_EQUAL(w.ended, 1);
        CHECK_EQUAL(tp_trainer_epoch(trainer), 1);
        float *before = fixture_parameters(model);
        CHECK_EQUAL(tp_trainer_end_epoch(trainer), TP_OK);
        CHECK(fixture_equals(model, before));
        free(before);
        CHECK_EQUAL(tp_trainer_epoch(trainer), 2);
        CHECK_EQUAL(tp_trainer_step_count(trainer), 8);
        if (saved) {
            MUST(tp_trainer_save(trainer, path));
            tp_trainer_free(trainer);
            MUST(tp_trainer_load(&trainer, path));
        }
        w = run(trainer, 1, 0, NULL, NULL, TP_OK);
        CHECK_EQUAL(w.steps, 6);
        CHECK_EQUAL(w.epochs[0], 2);
        CHECK_EQUAL(tp_trainer_epoch(trainer), 3);
        CHECK_EQUAL(tp_trainer_step_count(trainer), 14);
        tp_trainer_free(trainer);
        tp_model_free(model);
    }
}

static int32_t stop_after_teleport(const tp_event *event, void *user_data) {
    (void)user_data;
    return event->kind == TP_EVENT_TELEPORT;
}

/* The next epoch has its teleports, though no step was taken since the last one's. */
static void check_teleports(void) {
    static const int32_t teleport_epochs[] = {0, 1};
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *trainer = fixture_trainer(model);
    tp_teleport_config teleport;
    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    teleport.search = TP_SEARCH_ASCENT;
    /* Stopped by the teleport's own event, before the first step. */
    tp_run_config config;
    MUST(tp_run_config_init(&config, sizeof config));
    config.batch_size = 16;
    config.teleport = &teleport;
    config.teleport_samples = 64;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &config, stop_after_teleport, NULL), TP_STOPPED);
    CHECK_EQUAL(tp_trainer_step_count(trainer), 0);
    CHECK_EQUAL(tp_trainer_end_epoch(trainer), TP_OK);
    watcher w = run(trainer, 1, 0, &teleport, teleport_epochs, TP_OK);
    CHECK_EQUAL(w.teleports, 1);
    CHECK_EQUAL(w.epochs[0], 1);
    tp_trainer_free(trainer);
    tp_model_free(model);
}

/* A rate callback, like any other, may not end an epoch. */
static double rate(int64_t step, double base, void *user_data) {
    (void)step;
    CHECK_EQUAL(tp_trainer_end_epoch(user_data), TP_ERROR_BAD_STATE);
    return base;
}

static void check_refusals(void) {
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *trainer = fixture_trainer(model);
    tp_schedule_config schedule;
    MUST(tp_schedule_config_init(&schedule, sizeof schedule));
    schedule.schedule = TP_SCHEDULE_CALLBACK;
    schedule.rate = rate;
    schedule.user_data = trainer;
    MUST(tp_trainer_set_schedule(trainer, &schedule));
    MUST(tp_trainer_step(trainer, &batch, NULL));
    CHECK_EQUAL(tp_trainer_epoch(trainer), 0);
    CHECK_EQUAL(tp_trainer_end_epoch(NULL), TP_ERROR_INVALID_ARGUMENT);
    tp_trainer_free(trainer);
    tp_model_free(model);
}

int main(void) {
    int file = mkstemp(path);
    if (file < 0) return 2;
    close(file);
    fixture_fill();
    batch = fixture_batch();
    dataset = fixture_dataset();
    check_own_loop();
    check_stopped_run();
    check_teleports();
    check_refusals();
    tp_dataset_free(dataset);
    unlink(path);
    return check_finish();
}
