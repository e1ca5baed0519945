/* A trainer that is saved at any moment goes on from its file to the bit as if it had not stopped. */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

static char folder[] = "/tmp/tp-continuation-XXXXXX";
static char path_text[256];

static const char *path_of(const char *name) {
    snprintf(path_text, sizeof path_text, "%s/%s", folder, name);
    return path_text;
}
#define PATH(name) path_of(name)

static int same_model(const tp_model *a, const tp_model *b) {
    float *parameters = fixture_parameters(b);
    int equal = tp_model_parameter_count(a) == tp_model_parameter_count(b) && fixture_equals(a, parameters);
    free(parameters);
    return equal;
}

typedef struct {
    double epoch_loss[64];
    int epochs, steps, stop_after_step, teleports, stop_after_teleport;
    tp_trainer *trainer;
    const char *save_at_stop;
} record;

static int32_t note(const tp_event *event, void *user_data) {
    record *r = user_data;
    if (event->kind == TP_EVENT_EPOCH && event->epoch < 64) {
        r->epoch_loss[event->epoch] = event->loss;
        r->epochs++;
    }
    if (event->kind == TP_EVENT_EPOCH) return 0;
    if (event->kind == TP_EVENT_STEP ? ++r->steps != r->stop_after_step : ++r->teleports != r->stop_after_teleport)
        return 0;
    if (r->save_at_stop) CHECK_EQUAL(tp_trainer_save(r->trainer, r->save_at_stop), TP_OK);
    return 1;
}

static tp_trainer *new_trainer(int32_t optimizer, int schedule) {
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *trainer = NULL;
    tp_optimizer_config config;
    MUST(tp_optimizer_config_init(&config, sizeof config));
    config.optimizer = optimizer;
    config.learning_rate = 0.01;
    config.clip_norm = optimizer % 2 ? 0.5 : 0;
    config.weight_decay = 1e-4;
    MUST(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, &config));
    tp_schedule_config rates;
    MUST(tp_schedule_config_init(&rates, sizeof rates));
    rates.schedule = schedule;
    rates.warmup_steps = 4;
    rates.interval = 7;
    rates.factor = 0.7;
    rates.floor = 0.1;
    MUST(tp_trainer_set_schedule(trainer, &rates));
    tp_model_free(model);
    return trainer;
}

static int same_weights(const tp_trainer *a, const tp_trainer *b) {
    tp_model *first = NULL, *second = NULL;
    MUST(tp_trainer_model(&first, a));
    MUST(tp_trainer_model(&second, b));
    int equal = same_model(first, second);
    tp_model_free(first);
    tp_model_free(second);
    return equal;
}

/* Stops after each number of steps in turn, goes on in a new trainer from the file, and ends where an uninterrupted
 * run of 4 epochs of 6 steps ends, having told the same epoch losses. */
static void check_continuation(int32_t optimizer, int32_t schedule) {
    tp_dataset *dataset = fixture_dataset();
    tp_teleport_config teleport;
    tp_run_config run;
    static const int32_t epochs[] = {0, 2};
    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    teleport.search = TP_SEARCH_RANDOM;
    teleport.radius = 0.3;
    MUST(tp_run_config_init(&run, sizeof run));
    run.epochs = 4;
    run.batch_size = 16;
    run.progress_interval = 1;
    run.teleport = &teleport;
    run.teleport_epochs = epochs;
    run.teleport_epoch_count = 2;
    run.teleports_per_epoch = 2;
    run.teleport_samples = 64;
    tp_trainer *whole = new_trainer(optimizer, schedule);
    record told = {0};
    CHECK_EQUAL(tp_trainer_run(whole, dataset, NULL, &run, note, &told), TP_OK);
    CHECK_EQUAL(told.epochs, 4);
    /* After each step, then after each of the four teleports, before the step that follows it. */
    for (int stop = 1; stop <= 23 + 4; stop++) {
        tp_trainer *first = new_trainer(optimizer, schedule), *second = NULL;
        record parts = {0};
        if (stop <= 23) parts.stop_after_step = stop;
        if (stop > 23) parts.stop_after_teleport = stop - 23;
        parts.trainer = first;
        parts.save_at_stop = PATH("checkpoint");
        run.epochs = 4;
        CHECK_EQUAL(tp_trainer_run(first, dataset, NULL, &run, note, &parts), TP_STOPPED);
        CHECK_EQUAL(tp_trainer_load(&second, PATH("checkpoint")), TP_OK);
        CHECK(same_weights(first, second));
        CHECK_EQUAL(tp_trainer_step_count(second), tp_trainer_step_count(first));
        if (stop <= 23) CHECK_EQUAL(tp_trainer_step_count(second), stop);
        CHECK(tp_trainer_learning_rate(first) == tp_trainer_learning_rate(second));
        tp_trainer_free(first);
        run.epochs = 4 - parts.epochs;
        parts.stop_after_step = parts.stop_after_teleport = -1;
        CHECK_EQUAL(tp_trainer_run(second, dataset, NULL, &run, note, &parts), TP_OK);
        CHECK(same_weights(whole, second));
        CHECK_EQUAL(tp_trainer_step_count(second), 24);
        CHECK_EQUAL(tp_trainer_epoch(second), 4);
        CHECK(!memcmp(told.epoch_loss, parts.epoch_loss, sizeof told.epoch_loss));
        CHECK_EQUAL(parts.epochs, 4);
        CHECK_EQUAL(parts.teleports, told.teleports);
        /* The teleport before epoch 2 can still be undone, in both alike. */
        CHECK_EQUAL(tp_trainer_undo_teleport(second), tp_trainer_undo_teleport(whole));
        CHECK(same_weights(whole, second));
        tp_trainer_free(whole);
        tp_trainer_free(second);
        whole = new_trainer(optimizer, schedule);
        run.epochs = 4;
        memset(&told, 0, sizeof told);
        MUST(tp_trainer_run(whole, dataset, NULL, &run, note, &told));
    }
    tp_trainer_free(whole);
    tp_dataset_free(dataset);
}

static int32_t count_undone(const tp_event *event, void *user_data) {
    if (event->kind != TP_EVENT_TELEPORT) return 0;
    CHECK_EQUAL(event->teleport->outcome, TP_TELEPORT_UNDONE);
    *(tp_teleport_report *)user_data = *event->teleport;
    return 0;
}

/* A loss that stops being finite soon after a teleport undoes it, in the trainer that goes on as in the first. */
static void check_watched_teleport(void) {
    tp_dataset *dataset = fixture_dataset();
    tp_trainer *trainers[2] = {new_trainer(TP_OPTIMIZER_ADAM, TP_SCHEDULE_CONSTANT), NULL};
    tp_teleport_report reports[2];
    tp_teleport_config teleport;
    tp_run_config run;
    record parts = {0};
    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    teleport.search = TP_SEARCH_RANDOM;
    MUST(tp_run_config_init(&run, sizeof run));
    run.batch_size = 16;
    run.epochs = 2;
    run.progress_interval = 1;
    run.teleport = &teleport;
    run.watch_steps = 4;
    parts.stop_after_step = 2;
    parts.trainer = trainers[0];
    parts.save_at_stop = PATH("watched");
    CHECK_EQUAL(tp_trainer_run(trainers[0], dataset, NULL, &run, note, &parts), TP_STOPPED);
    CHECK_EQUAL(parts.teleports, 1);
    MUST(tp_trainer_load(&trainers[1], PATH("watched")));
    for (int i = 0; i < 2; i++) {
        memset(&reports[i], 0, sizeof reports[i]);
        MUST(tp_trainer_set_learning_rate(trainers[i], 1e30));
        CHECK_EQUAL(tp_trainer_run(trainers[i], dataset, NULL, &run, count_undone, &reports[i]), TP_ERROR_NOT_FINITE);
        CHECK(reports[i].struct_size > 0);
    }
    CHECK(!memcmp(&reports[0], &reports[1], sizeof reports[0]));
    CHECK(same_weights(trainers[0], trainers[1]));
    for (int i = 0; i < 2; i++) tp_trainer_free(trainers[i]);
    tp_dataset_free(dataset);
}

static double rate(int64_t step, double base, void *user_data) {
    (void)user_data;
    return base / (double)(step + 1);
}

static void check_callback_schedule(void) {
    tp_trainer *trainer = new_trainer(TP_OPTIMIZER_ADAM, TP_SCHEDULE_CONSTANT), *read = NULL;
    tp_batch batch = fixture_batch();
    tp_schedule_config config;
    MUST(tp_schedule_config_init(&config, sizeof config));
    config.schedule = TP_SCHEDULE_CALLBACK;
    config.rate = rate;
    MUST(tp_trainer_set_schedule(trainer, &config));
    MUST(tp_trainer_step(trainer, &batch, NULL));
    MUST(tp_trainer_save(trainer, PATH("callback")));
    CHECK_EQUAL(tp_trainer_load(&read, PATH("callback")), TP_OK);
    CHECK(isnan(tp_trainer_learning_rate(read)));
    CHECK_EQUAL(tp_trainer_step(read, &batch, NULL), TP_ERROR_BAD_STATE);
    CHECK_NAMES(tp_error_message(), "tp_trainer_set_schedule");
    CHECK(same_weights(trainer, read));
    CHECK_EQUAL(tp_trainer_set_schedule(read, &config), TP_OK);
    MUST(tp_trainer_step(trainer, &batch, NULL));
    CHECK_EQUAL(tp_trainer_step(read, &batch, NULL), TP_OK);
    CHECK(same_weights(trainer, read));
    tp_trainer_free(trainer);
    tp_trainer_free(read);
}

static void check_config(void) {
    tp_trainer *trainer = new_trainer(TP_OPTIMIZER_ADAMW, TP_SCHEDULE_STEP), *read = NULL;
    tp_optimizer_config config, again;
    tp_loss loss = TP_LOSS_HALF_SQUARED_ERROR;
    MUST(tp_trainer_set_learning_rate(trainer, 0.125));
    MUST(tp_trainer_save(trainer, PATH("config")));
    MUST(tp_trainer_load(&read, PATH("config")));
    MUST(tp_optimizer_config_init(&config, sizeof config));
    MUST(tp_optimizer_config_init(&again, sizeof again));
    CHECK_EQUAL(tp_trainer_get_config(trainer, &loss, &config), TP_OK);
    CHECK_EQUAL(loss, TP_LOSS_CROSS_ENTROPY);
    CHECK_EQUAL(tp_trainer_get_config(read, &loss, &again), TP_OK);
    CHECK(!memcmp(&config, &again, sizeof config));
    CHECK_EQUAL(config.optimizer, TP_OPTIMIZER_ADAMW);
    CHECK(config.learning_rate == 0.125 && config.weight_decay == 1e-4 && config.epsilon == 1e-8);
    CHECK_EQUAL(tp_trainer_get_config(read, NULL, NULL), TP_OK);
    tp_trainer_free(trainer);
    tp_trainer_free(read);
}

/* A trainer that is stopped at the last step of an epoch ends that epoch when it goes on. */
static void check_stop_at_the_last_step(void) {
    tp_dataset *dataset = fixture_dataset();
    tp_trainer *trainer = new_trainer(TP_OPTIMIZER_SGD, TP_SCHEDULE_CONSTANT);
    record parts = {0};
    tp_run_config run;
    MUST(tp_run_config_init(&run, sizeof run));
    run.batch_size = 16;
    run.progress_interval = 1;
    parts.stop_after_step = 6;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, note, &parts), TP_STOPPED);
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, note, &parts), TP_OK);
    CHECK_EQUAL(tp_trainer_step_count(trainer), 6);
    CHECK_EQUAL(tp_trainer_epoch(trainer), 1);
    CHECK_EQUAL(parts.epochs, 1);
    tp_trainer_free(trainer);
    tp_dataset_free(dataset);
}

int main(void) {
    fixture_fill();
    if (!mkdtemp(folder)) return 2;
    for (int32_t optimizer = TP_OPTIMIZER_SGD; optimizer <= TP_OPTIMIZER_ADAMW; optimizer++) {
        check_continuation(optimizer, optimizer % 3);
    }
    check_watched_teleport();
    check_callback_schedule();
    check_config();
    check_stop_at_the_last_step();
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
    return check_finish();
}
