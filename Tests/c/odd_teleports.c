/* Teleports of convolutional nets with odd configs, weights and samples: what is not accepted left every array to the
 * bit, running statistics included; what is accepted kept the loss, and with `exact` every output to the bit. */
#include <math.h>
#include <stdint.h>

#include "check.h"
#include "fixture.h"

enum { width = 32, classes = 3, samples = 20, unseen = 9, rounds = 6000 };

static const char *const texts[] = {
    "input 2x4x4; conv 4 3x3 pad same; batch_norm; s = relu; conv 4 3x3 pad same; r = batch_norm\n"
    "add of r s; relu; dropout 0.3; global_avg_pool; dense 5; leaky_relu 0.1; dense 3",
    "input 2x4x4; conv 4 3x3 pad same; s = leaky_relu 0.1; conv 4 3x3 pad same groups 4; leaky_relu 0.1\n"
    "conv 4 1x1; add of conv3 s; max_pool 2; conv 6 1x1 groups 2; relu\n"
    "dense 6; leaky_relu 0.2; dense 5; tanh; dense 3",
    "input 2x4x4; conv 3 3x2 stride 2 pad 1; tanh; conv 4 1x1; leaky_relu 0.1; avg_pool 2; dense 3",
    "input 2x4x4; batch_norm; flat = flatten; dense 32; add of fc1 flat; leaky_relu 0.1; dense 3 nobias",
    "input 2x4x4; conv 3 4x4",
};

static uint32_t state = 7;
static uint32_t draw(uint32_t below) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}
static float uniform(void) { return (float)draw(1 << 20) / (1 << 19) - 1; }

static float x[samples * width], other[unseen * width], weights[samples];
static int32_t labels[samples];

static int is_one_in(uint32_t many) { return draw(many) == 0; }

static tp_batch draw_batch(void) {
    static const float odd[] = {0, 1e30f, 1e-40f, NAN, INFINITY};
    tp_batch batch = {.x = x, .x_width = width, .labels = labels, .count = samples};
    for (int i = 0; i < samples * width; i++) x[i] = uniform();
    for (int i = 0; i < unseen * width; i++) other[i] = uniform();
    for (int i = 0; i < samples; i++) {
        labels[i] = (int32_t)draw(classes);
        weights[i] = draw(3) ? uniform() + 1 : 0;
    }
    weights[0] = 1;
    if (is_one_in(4)) batch.weights = weights;
    if (is_one_in(6)) batch.count = 1 + draw(4);
    if (is_one_in(8)) x[draw((uint32_t)batch.count * width)] = odd[draw(5)];
    /* Images without any contrast: variances of 0. */
    if (is_one_in(12)) memset(x, 0, sizeof x);
    return batch;
}

/* Sometimes with an array of zeros, of huge or of tiny numbers. */
static tp_model *draw_model(void) {
    static const float factors[] = {0, 1e18f, 1e-18f, 1e-30f, -1};
    tp_model_config config;
    tp_model *model = NULL;
    char name[64];
    float values[4096];
    MUST(tp_model_config_init(&config, sizeof config));
    config.seed = draw(1000);
    MUST(tp_model_create(&model, texts[draw(5)], &config));
    while (is_one_in(2)) {
        int32_t sizes[4] = {1, 1, 1, 1}, rank = 0, tensor = (int32_t)draw((uint32_t)tp_model_tensor_count(model));
        float factor = factors[draw(5)];
        size_t count = 1;
        MUST(tp_model_tensor_name(model, tensor, name, sizeof name, NULL));
        MUST(tp_model_tensor_shape(model, name, sizes, 4, &rank));
        for (int i = 0; i < rank; i++) count *= (size_t)sizes[i];
        MUST(tp_model_get_tensor(model, name, values, count));
        for (size_t i = 0; i < count; i++) values[i] *= factor;
        tp_model_set_tensor(model, name, values, count); /* a variance may not be negative */
    }
    return model;
}

static tp_teleport_config draw_config(void) {
    static const double radii[] = {0, 1e-6, 0.1, 1, 16, 17, NAN};
    static const double tolerances[] = {0, 1e-5, 1, 1e300};
    tp_teleport_config config;
    MUST(tp_teleport_config_init(&config, sizeof config));
    config.group = (int32_t)draw(5);
    config.search = (int32_t)draw(3);
    config.objective = is_one_in(2) ? (int32_t)draw(9) : (int32_t)draw(2);
    config.state = is_one_in(2) ? (int32_t)draw(3) : TP_STATE_KEEP;
    config.layer = draw(3) ? -1 : (int32_t)draw(12) - 3;
    config.exact = is_one_in(3);
    config.radius = radii[draw(is_one_in(8) ? 7 : 5)];
    config.steps = (int32_t)draw(4);
    config.candidates = 3;
    config.sampler = (int32_t)draw(2);
    config.seed = draw(100);
    config.rollout_steps = 3;
    config.rollout_batch = 1 + (int32_t)draw(20);
    config.learning_rate = is_one_in(10) ? 1e20 : 0.05;
    config.perturbations = config.curves = 1;
    config.loss_tolerance = tolerances[draw(4)];
    if (is_one_in(2)) config.held_out_tolerance = is_one_in(2) ? -1 : 1;
    return config;
}

/* A file has every array. */
static uint8_t *bytes_of(const tp_model *model, size_t *size) {
    MUST(tp_model_save_buffer(model, NULL, 0, size));
    uint8_t *bytes = malloc(*size);
    MUST(tp_model_save_buffer(model, bytes, *size, size));
    return bytes;
}

static void predict(const tp_model *model, float *out) {
    MUST(tp_model_predict(model, other, width, unseen, TP_OUTPUT_RAW, out, unseen * classes));
}

static int accepted[5], refused;

static void teleport(void) {
    tp_model *model = draw_model();
    tp_batch batch = draw_batch();
    tp_teleport_config config = draw_config();
    tp_trainer *trainer = NULL;
    tp_teleport_report report;
    float before[unseen * classes], after[unseen * classes];
    size_t size = 0, size_after = 0;
    double value = 0;
    if (is_one_in(2)) {
        tp_optimizer_config optimizer;
        MUST(tp_optimizer_config_init(&optimizer, sizeof optimizer));
        optimizer.optimizer = is_one_in(2) ? TP_OPTIMIZER_ADAM : TP_OPTIMIZER_MOMENTUM;
        optimizer.learning_rate = 0.01;
        MUST(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, &optimizer));
        for (int i = 0; i < 2; i++) tp_trainer_step(trainer, &batch, &value);
    }
    uint8_t *kept = bytes_of(model, &size);
    predict(model, before);
    MUST(tp_teleport_report_init(&report, sizeof report));
    tp_status status = trainer ? tp_trainer_teleport(trainer, &batch, &config, &report)
                               : tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, &config, &report);
    uint8_t *bytes = bytes_of(model, &size_after);
    predict(model, after);
    CHECK(status == TP_OK || status == TP_ERROR_INVALID_ARGUMENT || status == TP_ERROR_UNSUPPORTED ||
          status == TP_ERROR_NOT_FINITE);
    if (status != TP_OK) refused++;
    if (status != TP_OK || !report.accepted) {
        CHECK(size == size_after && !memcmp(kept, bytes, size));
    } else if (config.group != TP_GROUP_FRAME) {
        accepted[config.group]++;
        CHECK(isfinite(report.loss_after));
        CHECK(!config.exact || !memcmp(before, after, sizeof before));
    }
    free(kept);
    free(bytes);
    tp_trainer_free(trainer);
    tp_model_free(model);
}

int main(void) {
    for (int i = 0; i < rounds; i++) teleport();
    printf("accepted: scaling %d, linear %d, null space %d, level set %d; %d refused\n", accepted[0], accepted[1],
           accepted[2], accepted[3], refused);
    for (int group = 0; group < 4; group++) CHECK(accepted[group] > 20);
    CHECK(refused > 100);
    return check_finish();
}
