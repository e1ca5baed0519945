/* Calls from within a trainer's own callbacks, the rate callback above all: whatever would change the trainer or its
 * model is TP_ERROR_BAD_STATE and changes nothing, wherever the rate is asked for; what only reads works. */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

typedef struct {
    tp_trainer *trainer;
    tp_model *model;
    tp_dataset *dataset;
    const char *path;
    int asked, inside;
} host;

static tp_batch batch;

/* All that changes a trainer or the model that it trains. */
static void change_all(host *h, tp_status rate_status) {
    static float values[119], scale[8] = {1, 1, 1, 1, 1, 1, 1, 1}, g[64];
    tp_schedule_config schedule;
    tp_teleport_config teleport;
    float *before = fixture_parameters(h->model);
    const int64_t step = tp_trainer_step_count(h->trainer), epoch = tp_trainer_epoch(h->trainer);
    for (int i = 0; i < 8; i++) g[9 * i] = 1;
    MUST(tp_schedule_config_init(&schedule, sizeof schedule));
    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    teleport.search = TP_SEARCH_ASCENT;
#define REFUSED_HERE(call)                              \
    do {                                                \
        CHECK_EQUAL((call), TP_ERROR_BAD_STATE);        \
        CHECK_NAMES(tp_error_message(), "callback");    \
    } while (0)
    REFUSED_HERE(tp_trainer_step(h->trainer, &batch, NULL));
    REFUSED_HERE(tp_trainer_apply_gradient(h->trainer, values, 119));
    REFUSED_HERE(tp_trainer_teleport(h->trainer, &batch, &teleport, NULL));
    REFUSED_HERE(tp_trainer_undo_teleport(h->trainer));
    REFUSED_HERE(tp_trainer_set_schedule(h->trainer, &schedule));
    REFUSED_HERE(tp_trainer_run(h->trainer, h->dataset, NULL, NULL, NULL, NULL));
    REFUSED_HERE(tp_model_set_parameters(h->model, values, 119));
    REFUSED_HERE(tp_model_set_layer(h->model, 0, values, 48, NULL, 0));
    REFUSED_HERE(tp_model_teleport(h->model, &batch, TP_LOSS_CROSS_ENTROPY, &teleport, NULL));
    REFUSED_HERE(tp_model_apply_scaling(h->model, 0, scale, 8));
    REFUSED_HERE(tp_model_apply_linear(h->model, 0, g, 64, &batch));
    CHECK_EQUAL(tp_trainer_set_learning_rate(h->trainer, 0.05), rate_status);
    CHECK_EQUAL(tp_trainer_step_count(h->trainer), step);
    CHECK_EQUAL(tp_trainer_epoch(h->trainer), epoch);
    CHECK(fixture_equals(h->model, before));
    free(before);
}

static void read_all(host *h) {
    tp_model *handle = NULL, *copy = NULL;
    tp_optimizer_config config;
    double loss;
    MUST(tp_optimizer_config_init(&config, sizeof config));
    CHECK_EQUAL(tp_trainer_get_config(h->trainer, NULL, &config), TP_OK);
    CHECK(config.learning_rate == 0.05);
    CHECK_EQUAL(tp_trainer_model(&handle, h->trainer), TP_OK);
    CHECK_EQUAL(tp_model_clone(&copy, handle), TP_OK);
    CHECK_EQUAL(tp_model_loss(handle, &batch, TP_LOSS_CROSS_ENTROPY, &loss), TP_OK);
    CHECK_EQUAL(tp_trainer_save(h->trainer, h->path), TP_OK);
    /* A trainer of its own may do what it likes. */
    tp_trainer *other = fixture_trainer(copy);
    CHECK_EQUAL(tp_trainer_step(other, &batch, NULL), TP_OK);
    tp_trainer_free(other);
    tp_model_free(copy);
    tp_model_free(handle);
}

static double rate(int64_t step, double base, void *user_data) {
    host *h = user_data;
    h->asked++;
    CHECK(h->inside == 0);
    if (h->inside) return base; /* or it would go on for ever */
    h->inside = 1;
    CHECK_EQUAL(step, tp_trainer_step_count(h->trainer));
    CHECK(isnan(tp_trainer_learning_rate(h->trainer)));
    change_all(h, TP_ERROR_BAD_STATE);
    read_all(h);
    h->inside = 0;
    return base;
}

static double plain(int64_t step, double base, void *user_data) {
    (void)step, (void)user_data;
    return base;
}

static int32_t on_event(const tp_event *event, void *user_data) {
    if (event->kind != TP_EVENT_STEP || event->step == 1) change_all(user_data, TP_OK);
    return 0;
}

/* The same work with a rate callback that meddles and one that does not: the same weights to the bit. */
static float *train(tp_rate_callback callback, host *h, tp_event_callback event) {
    tp_schedule_config schedule;
    tp_teleport_config teleport;
    tp_run_config run;
    float *parameters;
    h->model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    h->trainer = fixture_trainer(h->model);
    static const float gradient[119] = {0.25f};
    double loss;
    MUST(tp_trainer_set_learning_rate(h->trainer, 0.05));
    MUST(tp_schedule_config_init(&schedule, sizeof schedule));
    schedule.schedule = TP_SCHEDULE_CALLBACK;
    schedule.rate = callback;
    schedule.user_data = h;
    MUST(tp_trainer_set_schedule(h->trainer, &schedule));
    CHECK(tp_trainer_learning_rate(h->trainer) == 0.05);
    CHECK_EQUAL(tp_trainer_step(h->trainer, &batch, &loss), TP_OK);
    CHECK_EQUAL(tp_trainer_apply_gradient(h->trainer, gradient, 119), TP_OK);
    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    teleport.rollout_steps = 3;
    CHECK_EQUAL(tp_trainer_teleport(h->trainer, &batch, &teleport, NULL), TP_OK);
    MUST(tp_run_config_init(&run, sizeof run));
    run.teleport = &teleport;
    run.teleport_samples = 64;
    CHECK_EQUAL(tp_trainer_run(h->trainer, h->dataset, NULL, &run, event, h), TP_OK);
    /* Afterwards all is open again. */
    parameters = fixture_parameters(h->model);
    CHECK_EQUAL(tp_model_set_parameters(h->model, parameters, 119), TP_OK);
    CHECK_EQUAL(tp_trainer_step(h->trainer, &batch, NULL), TP_OK);
    free(parameters);
    parameters = fixture_parameters(h->model);
    tp_trainer_free(h->trainer);
    tp_model_free(h->model);
    return parameters;
}

/* The rate may be asked for on many threads at once: what one of them asks does not concern the others. */
static void *ask(void *trainer) {
    long wrong = 0;
    for (int i = 0; i < 20000; i++) wrong += !(tp_trainer_learning_rate(trainer) == 0.05);
    return (void *)wrong;
}

static void check_threads(void) {
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *trainer = fixture_trainer(model);
    tp_schedule_config schedule;
    pthread_t threads[4];
    MUST(tp_trainer_set_learning_rate(trainer, 0.05));
    MUST(tp_schedule_config_init(&schedule, sizeof schedule));
    schedule.schedule = TP_SCHEDULE_CALLBACK;
    schedule.rate = plain;
    MUST(tp_trainer_set_schedule(trainer, &schedule));
    for (int i = 0; i < 4; i++) {
        if (pthread_create(&threads[i], NULL, ask, trainer)) exit(2);
    }
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        CHECK_EQUAL((long)wrong, 0);
    }
    tp_trainer_free(trainer);
    tp_model_free(model);
}

int main(void) {
    char path[] = "/tmp/tp-reentrancy-XXXXXX";
    int file = mkstemp(path);
    if (file < 0) return 2;
    close(file);
    fixture_fill();
    batch = fixture_batch();
    host h = {NULL, NULL, fixture_dataset(), path, 0, 0};
    float *expected = train(plain, &h, NULL);
    float *with_rate = train(rate, &h, NULL);
    CHECK(h.asked > 8);
    CHECK(!memcmp(with_rate, expected, 119 * sizeof *expected));
    float *with_events = train(plain, &h, on_event);
    CHECK(!memcmp(with_events, expected, 119 * sizeof *expected));
    free(expected);
    free(with_rate);
    free(with_events);
    check_threads();
    tp_dataset_free(h.dataset);
    unlink(path);
    return check_finish();
}
