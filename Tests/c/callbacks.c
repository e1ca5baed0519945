/* What a run tells its callback, what the callback may do, and the ways to stop. */
#include <math.h>
#include <pthread.h>
#include <signal.h>

#include "check.h"
#include "fixture.h"

typedef struct {
    tp_trainer *trainer;
    tp_model *model;
    tp_dataset *dataset;
    int steps, epochs, teleports, stop_at_epoch;
    int64_t last_step;
} watcher;

static int32_t watch(const tp_event *event, void *user_data) {
    watcher *w = user_data;
    tp_batch batch = fixture_batch();
    CHECK_EQUAL(event->struct_size, sizeof *event);
    CHECK_EQUAL(event->reserved, 0);
    CHECK(event->step >= w->last_step);
    CHECK(event->seconds >= 0 && event->learning_rate == 0.05);
    CHECK_EQUAL(event->steps_per_epoch, 6);
    w->last_step = event->step;
    CHECK((event->kind == TP_EVENT_TELEPORT) == (event->teleport != NULL));
    switch (event->kind) {
    case TP_EVENT_STEP:
        w->steps++;
        CHECK(isfinite(event->loss));
        break;
    case TP_EVENT_TELEPORT:
        w->teleports++;
        CHECK(isnan(event->loss));
        CHECK(event->teleport->outcome != TP_TELEPORT_NONE);
        CHECK_EQUAL(event->teleport->struct_size, sizeof *event->teleport);
        break;
    case TP_EVENT_EPOCH: {
        tp_metrics metrics;
        tp_model *copy = NULL;
        w->epochs++;
        MUST(tp_metrics_init(&metrics, sizeof metrics));
        CHECK_EQUAL(tp_model_evaluate(w->model, w->dataset, TP_LOSS_CROSS_ENTROPY, &metrics), TP_OK);
        CHECK(event->valid_loss == metrics.loss && event->valid_accuracy == metrics.accuracy);
        CHECK_EQUAL(tp_model_clone(&copy, w->model), TP_OK);
        tp_model_free(copy);
        CHECK_EQUAL(tp_trainer_set_learning_rate(w->trainer, 0.05), TP_OK);
        /* What would change the weights under the run. */
        static float zeros[119];
        CHECK_EQUAL(tp_trainer_step(w->trainer, &batch, NULL), TP_ERROR_BAD_STATE);
        CHECK_EQUAL(tp_trainer_teleport(w->trainer, &batch, NULL, NULL), TP_ERROR_BAD_STATE);
        CHECK_EQUAL(tp_trainer_undo_teleport(w->trainer), TP_ERROR_BAD_STATE);
        CHECK_EQUAL(tp_trainer_apply_gradient(w->trainer, zeros, 119), TP_ERROR_BAD_STATE);
        CHECK_EQUAL(tp_trainer_run(w->trainer, w->dataset, NULL, NULL, NULL, NULL), TP_ERROR_BAD_STATE);
        CHECK_EQUAL(tp_model_set_parameters(w->model, zeros, 119), TP_ERROR_BAD_STATE);
        break;
    }
    default: CHECK(0);
    }
    return event->kind == TP_EVENT_EPOCH && w->epochs == w->stop_at_epoch;
}

static tp_trainer *asked;

static void on_signal(int number) {
    (void)number;
    tp_trainer_request_stop(asked);
}

/* Another thread asks until the run has ended, in both ways; sanitizers look on. */
static volatile int32_t flag;

static void *ask(void *trainer) {
    if (trainer) tp_trainer_request_stop(trainer);
    else __atomic_store_n(&flag, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

typedef struct {
    tp_model *model;
    tp_dataset *dataset;
    int calls, answer;
} asking;

static int32_t count_calls(void *user_data) {
    asking *a = user_data;
    tp_metrics metrics;
    a->calls++;
    /* What it calls itself is not asked by it again. */
    MUST(tp_metrics_init(&metrics, sizeof metrics));
    CHECK_EQUAL(tp_model_evaluate(a->model, a->dataset, TP_LOSS_CROSS_ENTROPY, &metrics), TP_OK);
    return a->answer;
}

static void check_requests(tp_trainer *trainer, tp_model *model, tp_dataset *dataset) {
    tp_run_config run;
    pthread_t thread;
    tp_batch batch = fixture_batch();
    tp_model *other = fixture_model(TP_ACTIVATION_TANH);
    MUST(tp_run_config_init(&run, sizeof run));
    run.epochs = 100000000;
    run.stop_flag = &flag;
    for (int by_flag = 0; by_flag < 2; by_flag++) {
        CHECK(!pthread_create(&thread, NULL, ask, by_flag ? NULL : trainer));
        CHECK_EQUAL(tp_trainer_run(trainer, dataset, dataset, &run, NULL, NULL), TP_STOPPED);
        CHECK(!pthread_join(thread, NULL));
    }
    flag = 0;

    /* Before the run: it ends before its first step, a teleport likewise, and each answers one request. */
    int64_t steps = tp_trainer_step_count(trainer);
    asked = trainer;
    CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
    CHECK(!raise(SIGUSR1));
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_STOPPED);
    CHECK_EQUAL(tp_trainer_step_count(trainer), steps);
    tp_trainer_request_stop(trainer);
    CHECK_EQUAL(tp_trainer_step(trainer, &batch, NULL), TP_OK); /* no step is cut short */
    CHECK_EQUAL(tp_trainer_teleport(trainer, &batch, NULL, NULL), TP_STOPPED);
    CHECK_EQUAL(tp_trainer_teleport(trainer, &batch, NULL, NULL), TP_OK);
    tp_trainer_request_stop(NULL);

    /* Of the thread: a callback, which may call, and a flag. */
    asking a = {other, dataset, 0, 0};
    MUST(tp_set_stop(NULL, count_calls, &a));
    CHECK_EQUAL(tp_trainer_teleport(trainer, &batch, NULL, NULL), TP_OK);
    CHECK(a.calls > 0);
    a.answer = 1;
    MUST(tp_set_stop(NULL, count_calls, &a));
    CHECK_EQUAL(tp_trainer_teleport(trainer, &batch, NULL, NULL), TP_STOPPED);
    flag = 1;
    MUST(tp_set_stop(&flag, NULL, NULL));
    CHECK_EQUAL(tp_model_evaluate(model, dataset, TP_LOSS_CROSS_ENTROPY,
                                  &(tp_metrics){.struct_size = sizeof(tp_metrics)}),
                TP_STOPPED);
    CHECK_EQUAL(tp_trainer_step(trainer, &batch, NULL), TP_OK);
    MUST(tp_set_stop(NULL, NULL, NULL));
    CHECK_EQUAL(tp_trainer_teleport(trainer, &batch, NULL, NULL), TP_OK);
    flag = 0;
    tp_model_free(other);
}

int main(void) {
    tp_run_config run;
    tp_teleport_config teleport;
    static const int32_t teleport_epochs[] = {0, 2};

    fixture_fill();
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *trainer = fixture_trainer(model);
    tp_dataset *dataset = fixture_dataset();
    watcher w = {trainer, model, dataset, 0, 0, 0, 3, 0};
    MUST(tp_trainer_set_learning_rate(trainer, 0.05));
    MUST(tp_run_config_init(&run, sizeof run));
    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    run.epochs = 5;
    run.batch_size = 16;
    run.progress_interval = 2;
    run.teleport = &teleport;
    run.teleport_epochs = teleport_epochs;
    run.teleport_epoch_count = 2;

    CHECK_EQUAL(tp_trainer_run(trainer, dataset, dataset, &run, watch, &w), TP_STOPPED);
    CHECK_EQUAL(w.epochs, 3);
    CHECK_EQUAL(w.teleports, 2);
    CHECK_EQUAL(w.steps, 9); /* every second of 18 */
    CHECK_EQUAL(tp_trainer_epoch(trainer), 3);
    CHECK_EQUAL(tp_trainer_step_count(trainer), 18);

    int32_t stop = 1;
    run.stop_flag = &stop;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_STOPPED);
    CHECK_EQUAL(tp_trainer_epoch(trainer), 3);
    stop = 0;
    run.epochs = 1;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_OK);
    CHECK_EQUAL(tp_trainer_epoch(trainer), 4);
    /* After the run the trainer is free again. */
    tp_batch batch = fixture_batch();
    CHECK_EQUAL(tp_trainer_step(trainer, &batch, NULL), TP_OK);

    check_requests(trainer, model, dataset);
    tp_dataset_free(dataset);
    tp_trainer_free(trainer);
    tp_model_free(model);
    return check_finish();
}
