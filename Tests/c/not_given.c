/* One rule for what is not given: 0 where 0 has no meaning of its own, and NULL, stand for the default of _init. */
#include <teleport.h>

#include "check.h"
#include "fixture.h"

enum { parameter_count = 119 };

static tp_dataset *dataset;

/* Teleports a new model and hands out where the weights went. */
static void teleport(const tp_teleport_config *config, tp_activation activation, float *moved) {
    tp_model *model = fixture_model(activation);
    tp_batch batch = fixture_batch();
    tp_teleport_report report;
    MUST(tp_teleport_report_init(&report, sizeof report));
    MUST(tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, config, &report));
    CHECK_EQUAL(report.outcome, TP_TELEPORT_ACCEPTED);
    MUST(tp_model_get_parameters(model, moved, parameter_count));
    tp_model_free(model);
}

static void check_teleport(int32_t group, int32_t search, int32_t objective) {
    float given[parameter_count], zeros[parameter_count];
    tp_teleport_config config;
    MUST(tp_teleport_config_init(&config, sizeof config));
    config.group = group;
    config.search = search;
    config.objective = objective;
    config.learning_rate = 0.05;
    config.held_out_tolerance = 0.5;
    teleport(&config, TP_ACTIVATION_LEAKY_RELU, given);
    config.radius = config.loss_tolerance = config.null_tolerance = 0;
    config.steps = config.candidates = config.rollout_steps = config.rollout_batch = 0;
    config.perturbations = config.curves = 0;
    teleport(&config, TP_ACTIVATION_LEAKY_RELU, zeros);
    CHECK(!memcmp(given, zeros, sizeof given));
}

/* A move that changes what samples outside it come to: 0 checks it as 0.05 does, and -1 switches that off. */
static void check_held_out_tolerance(void) {
    static const double tolerances[] = {0.05, 0, -1};
    for (int i = 0; i < 3; i++) {
        tp_model *model = fixture_model(TP_ACTIVATION_TANH);
        tp_batch batch = fixture_batch();
        tp_teleport_config config;
        tp_teleport_report report;
        MUST(tp_teleport_config_init(&config, sizeof config));
        MUST(tp_teleport_report_init(&report, sizeof report));
        batch.count = 8;
        config.group = TP_GROUP_LINEAR;
        config.search = TP_SEARCH_ASCENT;
        config.layer = 0;
        config.radius = 1;
        config.loss_tolerance = 0.1;
        config.held_out_tolerance = tolerances[i];
        MUST(tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, &config, &report));
        CHECK_EQUAL(report.held_out_before == report.held_out_before, i < 2);
        tp_model_free(model);
    }
}

static void run(const tp_run_config *config, const tp_schedule_config *schedule, float *trained) {
    tp_model *model = fixture_model(TP_ACTIVATION_TANH);
    tp_trainer *trainer = fixture_trainer(model);
    MUST(tp_trainer_set_schedule(trainer, schedule));
    MUST(tp_trainer_run(trainer, dataset, NULL, config, NULL, NULL));
    CHECK_EQUAL(tp_trainer_epoch(trainer), 1);
    MUST(tp_model_get_parameters(model, trained, parameter_count));
    tp_trainer_free(trainer);
    tp_model_free(model);
}

static void check_run(void) {
    float given[parameter_count], zeros[parameter_count];
    tp_run_config config;
    tp_schedule_config schedule;
    MUST(tp_run_config_init(&config, sizeof config));
    MUST(tp_schedule_config_init(&schedule, sizeof schedule));
    schedule.schedule = TP_SCHEDULE_STEP;
    run(&config, &schedule, given);
    config.epochs = config.batch_size = config.teleports_per_epoch = config.teleport_samples = 0;
    config.checkpoint_keep = 0;
    schedule.interval = 0;
    schedule.factor = 0;
    run(&config, &schedule, zeros);
    CHECK(!memcmp(given, zeros, sizeof given));
}

static void check_images(void) {
    static const uint8_t pixels[] = {0, 64, 128, 255};
    static const int32_t shape[] = {1, 2, 2};
    float given[4], zeros[4];
    for (int i = 0; i < 2; i++) {
        tp_dataset *images = NULL;
        tp_image_config config;
        MUST(tp_image_config_init(&config, sizeof config));
        if (i) {
            for (int c = 0; c < 4; c++) config.std[c] = 0;
            config.max_width = config.max_height = 0;
            config.max_pixels = config.max_chunk_bytes = 0;
        }
        MUST(tp_dataset_from_pixels(&images, pixels, shape, NULL, 1, &config));
        MUST(tp_dataset_get(images, 0, 1, i ? zeros : given, 4, NULL, 0));
        tp_dataset_free(images);
        /* The limits are looked at first: a folder that is not there says that they were taken. */
        CHECK_EQUAL(tp_dataset_from_image_folder(&images, "/no/such/folder", &config, NULL, NULL), TP_ERROR_NOT_FOUND);
    }
    CHECK(!memcmp(given, zeros, sizeof given));
}

static void check_plane(void) {
    static const double start[2] = {-1, -1};
    static const int32_t step = 100;
    static double given[1001], zeros[1001];
    tp_plane_function function;
    tp_plane_config config;
    MUST(tp_plane_function_init(&function, sizeof function));
    MUST(tp_plane_rosenbrock(&function));
    MUST(tp_plane_config_init(&config, sizeof config));
    config.teleport_steps = &step;
    config.teleport_step_count = 1;
    MUST(tp_plane_descend(&function, start, &config, NULL, 0, given, 1001));
    config.steps = config.theta_steps = 0;
    config.loss_tolerance = 0;
    MUST(tp_plane_descend(&function, start, &config, NULL, 0, zeros, 1001));
    CHECK(!memcmp(given, zeros, sizeof given));
}

/* Where 0 is a value of the field's own, it is that value, and -1 stands for the default. */
static void check_optimizer(void) {
    static const double values[] = {-1, 0, 0.25}, decays[] = {0.01, 0, 0.25}, epsilons[] = {1e-8, 0, 0.25};
    tp_model *model = fixture_model(TP_ACTIVATION_TANH);
    for (int i = 0; i < 3; i++) {
        tp_trainer *trainer = NULL;
        tp_optimizer_config config;
        MUST(tp_optimizer_config_init(&config, sizeof config));
        config.optimizer = TP_OPTIMIZER_ADAMW;
        config.weight_decay = config.epsilon = values[i];
        CHECK_EQUAL(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, &config), TP_OK);
        if (!trainer) continue;
        MUST(tp_trainer_get_config(trainer, NULL, &config));
        CHECK(config.weight_decay == decays[i] && config.epsilon == epsilons[i]);
        tp_trainer_free(trainer);
    }
    tp_model_free(model);
}

int main(void) {
    fixture_fill();
    dataset = fixture_dataset();
    check_teleport(TP_GROUP_SCALING, TP_SEARCH_LOOKAHEAD, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE);
    check_teleport(TP_GROUP_SCALING, TP_SEARCH_ASCENT, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE);
    check_teleport(TP_GROUP_SCALING, TP_SEARCH_RANDOM, TP_OBJECTIVE_SHARPNESS_MINIMIZE);
    check_teleport(TP_GROUP_SCALING, TP_SEARCH_RANDOM, TP_OBJECTIVE_CURVATURE_MINIMIZE);
    check_teleport(TP_GROUP_LEVEL_SET, TP_SEARCH_ASCENT, TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE);
    check_held_out_tolerance();
    check_run();
    check_images();
    check_plane();
    check_optimizer();
    tp_dataset_free(dataset);
    return check_finish();
}
