/* A run that stops early: when it ends, what it tells, which weights it leaves, and how it waits on after a stop. */
#define _GNU_SOURCE
#include <math.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

enum { most_epochs = 40, patience = 3 };

static tp_dataset *train, *valid;
static char path[] = "/tmp/tp-early-stop-XXXXXX";

typedef struct {
    tp_model *model;
    tp_run_result result;
    int64_t stop_at; /* the epoch after which the run stops; -1: none */
    int epochs, early;
    double losses[most_epochs], best_loss;
    float *best; /* weights after the epoch of the lowest loss */
    int is_best_back;
} watcher;

static int32_t watch(const tp_event *event, void *user_data) {
    watcher *w = user_data;
    if (event->kind == TP_EVENT_EPOCH) {
        w->losses[w->epochs++] = event->valid_loss;
        if (!(event->valid_loss >= w->best_loss)) {
            w->best_loss = event->valid_loss;
            free(w->best);
            w->best = fixture_parameters(w->model);
        }
        return event->epoch == w->stop_at;
    }
    if (event->kind == TP_EVENT_EARLY_STOP) {
        w->early++;
        CHECK(isnan(event->loss) && (w->epochs == 0 || event->valid_loss <= w->losses[0]));
        /* The weights are back when the event comes. */
        w->is_best_back = w->best && fixture_equals(w->model, w->best);
    }
    return 0;
}

static watcher run(tp_trainer *trainer, int32_t epochs, int64_t stop_at, tp_status expected) {
    watcher w = {.stop_at = stop_at, .best_loss = NAN, .result = {.struct_size = sizeof(tp_run_result)}};
    tp_run_config config;
    MUST(tp_trainer_model(&w.model, trainer));
    MUST(tp_run_config_init(&config, sizeof config));
    config.epochs = epochs;
    config.batch_size = 8;
    config.seed = 5;
    config.progress_interval = -1;
    config.patience = patience;
    config.result = &w.result;
    CHECK_EQUAL(tp_trainer_run(trainer, train, valid, &config, watch, &w), expected);
    return w;
}

static void finish(watcher *w, tp_trainer *trainer) {
    free(w->best);
    tp_model_free(w->model);
    tp_trainer_free(trainer);
}

static tp_trainer *start(void) {
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *trainer = NULL;
    tp_optimizer_config config;
    MUST(tp_optimizer_config_init(&config, sizeof config));
    config.optimizer = TP_OPTIMIZER_ADAM;
    config.learning_rate = 0.05;
    MUST(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, &config));
    tp_model_free(model);
    return trainer;
}

int main(void) {
    const int file = mkstemp(path);
    if (file < 0) return 2;
    close(file);
    fixture_fill();
    for (int i = 0; i < sample_count; i += 3) fixture_labels[i] = (fixture_labels[i] + 1) % class_count; /* noise */
    tp_dataset *all = fixture_dataset();
    MUST(tp_dataset_split(&train, &valid, all, 0.5, 0, 1));
    tp_dataset_free(all);

    tp_trainer *whole = start();
    watcher told = run(whole, most_epochs, -1, TP_OK);
    CHECK(told.epochs < most_epochs && told.epochs > patience);
    CHECK_EQUAL(told.early, 1);
    CHECK(told.is_best_back);
    CHECK(fixture_equals(told.model, told.best));
    CHECK_EQUAL(told.result.stopped_early, 1);
    CHECK_EQUAL(told.result.epochs, told.epochs);
    CHECK_EQUAL(told.result.best_epoch, told.epochs - 1 - patience);
    CHECK(told.result.best_valid_loss == told.best_loss);
    CHECK(told.losses[told.result.best_epoch] == told.best_loss);

    /* Stopped after any epoch, saved, loaded and gone on with: the same end to the bit. */
    for (int64_t at = 0; at < told.epochs; at++) {
        tp_trainer *first = start(), *second = NULL;
        watcher before = run(first, most_epochs, at, TP_STOPPED);
        CHECK_EQUAL(before.result.stopped_early, 0);
        MUST(tp_trainer_save(first, path));
        finish(&before, first);
        MUST(tp_trainer_load(&second, path));
        watcher after = run(second, most_epochs - before.epochs, -2, TP_OK);
        CHECK_EQUAL(before.epochs + after.epochs, told.epochs);
        CHECK(fixture_equals(after.model, told.best));
        CHECK_EQUAL(after.result.stopped_early, 1);
        CHECK_EQUAL(after.result.best_epoch, told.result.best_epoch);
        finish(&after, second);
    }
    finish(&told, whole);
    tp_dataset_free(train), tp_dataset_free(valid);
    unlink(path);
    return check_finish();
}
