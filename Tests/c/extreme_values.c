/* NaN, infinity, denormals and the largest floats in data, targets, weights and configs, and empty batches: what a call
 * cannot use is a status and moves nothing, and denormals are computed with, not flushed to 0. */
#define _POSIX_C_SOURCE 200809L
#include <float.h>
#include <math.h>
#include <stddef.h>

#include "check.h"
#include "fixture.h"

/* FLT_TRUE_MIN and DBL_TRUE_MIN, which C99 does not have. */
static const float tiny = 0x1p-149f;
static const double double_tiny = 0x1p-1074;

static const float not_numbers[] = {NAN, INFINITY, -INFINITY};
enum { parameter_count = 119, units = 13, algebra = 8 * 8 + 5 * 5 };

static int all_finite(const float *values, int count) {
    for (int i = 0; i < count; i++) {
        if (!isfinite(values[i])) return 0;
    }
    return 1;
}

static int model_is_finite(const tp_model *model) {
    float *parameters = fixture_parameters(model);
    int finite = all_finite(parameters, (int)tp_model_parameter_count(model));
    free(parameters);
    return finite;
}

static tp_loss loss_of(const tp_batch *batch) {
    return batch->targets ? TP_LOSS_MEAN_SQUARED_ERROR : TP_LOSS_CROSS_ENTROPY;
}

/* ---- batches ------------------------------------------------------------------------------------------------ */

/* Every teleport that the model can make, each from the same weights. What is not accepted left them to the bit, what
 * is accepted is finite. Returns how many there were; outcomes counts them by outcome. */
static int teleport_all(tp_model *model, const tp_batch *batch, int outcomes[9]) {
    float *before = fixture_parameters(model);
    int made = 0;
    memset(outcomes, 0, 9 * sizeof *outcomes);
    for (int kind = 0; kind < 4 * 3; kind++) {
        tp_teleport_config config;
        tp_teleport_report report;
        MUST(tp_teleport_config_init(&config, sizeof config));
        MUST(tp_teleport_report_init(&report, sizeof report));
        config.group = kind / 3;
        config.search = kind % 3;
        config.learning_rate = 0.01;
        config.candidates = 3;
        config.rollout_steps = 3;
        config.steps = 2;
        if (tp_model_check_teleport(model, &config) != TP_OK) continue;
        made++;
        if (tp_model_teleport(model, batch, loss_of(batch), &config, &report) == TP_OK) {
            CHECK_EQUAL(report.accepted, report.outcome == TP_TELEPORT_ACCEPTED);
            CHECK(report.outcome > 0 && report.outcome < 9);
            outcomes[report.outcome % 9]++;
        } else {
            CHECK(!report.accepted && strlen(tp_error_message()) > 6);
        }
        CHECK(report.accepted ? model_is_finite(model) : fixture_equals(model, before));
        MUST(tp_model_set_parameters(model, before, (size_t)tp_model_parameter_count(model)));
    }
    free(before);
    return made;
}

/* A step with each optimizer, after a good one: `expected`, and then nothing moved. */
static void check_steps(tp_activation activation, const tp_batch *batch, tp_status expected) {
    for (int optimizer = TP_OPTIMIZER_SGD; optimizer <= TP_OPTIMIZER_ADAMW; optimizer++) {
        tp_model *model = fixture_model(activation), *other = fixture_model(activation);
        tp_trainer *trainer = NULL, *untouched = NULL;
        tp_optimizer_config config;
        tp_batch good = batch->targets ? fixture_target_batch() : fixture_batch();
        double loss = 77;
        MUST(tp_optimizer_config_init(&config, sizeof config));
        config.optimizer = optimizer;
        MUST(tp_trainer_create(&trainer, model, loss_of(batch), &config));
        MUST(tp_trainer_create(&untouched, other, loss_of(batch), &config));
        MUST(tp_trainer_step(trainer, &good, NULL));
        MUST(tp_trainer_step(untouched, &good, NULL));
        float *before = fixture_parameters(model);
        CHECK_EQUAL(tp_trainer_step(trainer, batch, &loss), expected);
        if (expected != TP_OK) {
            CHECK(loss == 77);
            CHECK(fixture_equals(model, before));
            CHECK_EQUAL(tp_trainer_step_count(trainer), 1);
            /* The optimizer's state is as before too: the next step is that of a trainer which saw no bad batch. */
            MUST(tp_trainer_step(trainer, &good, NULL));
            MUST(tp_trainer_step(untouched, &good, NULL));
            free(before);
            before = fixture_parameters(other);
            CHECK(fixture_equals(model, before));
        } else {
            CHECK(isfinite(loss));
        }
        free(before);
        tp_trainer_free(trainer);
        tp_trainer_free(untouched);
        tp_model_free(model);
        tp_model_free(other);
    }
}

/* One value that is no number in the inputs or the targets. */
static void check_not_finite_samples(tp_activation activation) {
    static float x[sample_count * input_width], targets[sample_count * output_width], gradient[parameter_count];
    for (int kind = 0; kind < 3 * 3; kind++) {
        const int in_targets = kind / 3 == 2, squared = kind / 3 > 0;
        tp_batch batch = squared ? fixture_target_batch() : fixture_batch();
        tp_model *model = fixture_model(activation);
        float *before = fixture_parameters(model), g[64] = {0};
        double loss = 77, phi = 77, slopes[algebra];
        int outcomes[9];
        memcpy(x, fixture_x, sizeof x);
        memcpy(targets, fixture_targets, sizeof targets);
        batch.x = x;
        if (squared) batch.targets = targets;
        *(in_targets ? &targets[7] : &x[17]) = not_numbers[kind % 3];

        /* Measuring tells what it finds. A bounded activation of an infinite input is 1: the loss is a number. */
        const int hidden = !in_targets && kind % 3 > 0 && activation >= TP_ACTIVATION_SIGMOID;
        CHECK_EQUAL(tp_model_loss(model, &batch, loss_of(&batch), &loss), TP_OK);
        CHECK_EQUAL(isfinite(loss) != 0, hidden);
        CHECK_EQUAL(tp_model_gradient(model, &batch, loss_of(&batch), gradient, parameter_count, &loss), TP_OK);
        CHECK_EQUAL(isfinite(loss) != 0, hidden);
        CHECK(!all_finite(gradient, parameter_count));
        tp_status status = tp_model_linear_gradient_norm(model, &batch, loss_of(&batch), &phi, slopes, algebra);
        /* The inputs are factorized, but not for IDENTITY, whose action is exact without them. */
        CHECK_EQUAL(status, activation == TP_ACTIVATION_RELU                           ? TP_ERROR_UNSUPPORTED
                            : in_targets || activation == TP_ACTIVATION_IDENTITY ? TP_OK
                                                                                 : TP_ERROR_NOT_FINITE);
        CHECK(status == TP_OK ? !isfinite(phi) : phi == 77);
        if (!in_targets) {
            for (int i = 0; i < 64; i++) g[i] = (i % 9 == 0) + 0.01f;
            CHECK(activation == TP_ACTIVATION_IDENTITY || tp_model_apply_linear(model, 0, g, 64, &batch) < 0);
            CHECK(fixture_equals(model, before));
        }
        const int made = teleport_all(model, &batch, outcomes);
        CHECK(made >= 4);
        CHECK_EQUAL(outcomes[TP_TELEPORT_NOT_FINITE], made);
        CHECK(fixture_equals(model, before));
        check_steps(activation, &batch, TP_ERROR_NOT_FINITE);
        free(before);
        tp_model_free(model);
    }
}

/* The largest floats: nothing crashes, nothing that is not finite is accepted, and a run puts weights back that its
 * steps took out of the finite numbers. */
static void check_largest_samples(tp_activation activation) {
    static float x[sample_count * input_width], targets[sample_count * output_width];
    for (int kind = 0; kind < 3 * 2; kind++) {
        tp_batch batch = kind < 2 ? fixture_batch() : fixture_target_batch();
        tp_model *model = fixture_model(activation);
        tp_trainer *trainer = NULL;
        tp_dataset *dataset = NULL;
        float *before = fixture_parameters(model);
        double loss = 77;
        int outcomes[9];
        memcpy(x, fixture_x, sizeof x);
        memcpy(targets, fixture_targets, sizeof targets);
        batch.x = x;
        if (batch.targets) batch.targets = targets;
        *(kind / 2 == 2 ? &targets[7] : &x[17]) = kind % 2 ? FLT_MAX : -FLT_MAX;
        CHECK_EQUAL(tp_model_loss(model, &batch, loss_of(&batch), &loss), TP_OK);
        CHECK(isfinite(loss)); /* sums are in double */
        CHECK(teleport_all(model, &batch, outcomes) >= 4);
        MUST(tp_trainer_create(&trainer, model, loss_of(&batch), NULL));
        if (batch.targets) {
            MUST(tp_dataset_from_targets(&dataset, x, input_width, targets, output_width, sample_count));
        } else {
            MUST(tp_dataset_from_labels(&dataset, x, input_width, fixture_labels, sample_count, class_count));
        }
        tp_status status = tp_trainer_run(trainer, dataset, NULL, NULL, NULL, NULL);
        CHECK(status == TP_OK || status == TP_ERROR_NOT_FINITE);
        CHECK(model_is_finite(model));
        /* Here the first step's gradient is infinite. */
        if (batch.targets && kind < 4 && activation == TP_ACTIVATION_LEAKY_RELU) {
            CHECK_EQUAL(status, TP_ERROR_NOT_FINITE);
            CHECK(fixture_equals(model, before));
            CHECK_EQUAL(tp_trainer_epoch(trainer), 0);
            CHECK_EQUAL(tp_trainer_step(trainer, &batch, &loss), TP_ERROR_NOT_FINITE);
            CHECK_EQUAL(tp_trainer_step_count(trainer), 0);
            CHECK(fixture_equals(model, before));
        }
        free(before);
        tp_dataset_free(dataset);
        tp_trainer_free(trainer);
        tp_model_free(model);
    }
}

/* The largest weights overflow in the products: the loss is no number, and nothing moves. */
static void check_largest_weights(void) {
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU), *read = NULL;
    tp_trainer *trainer = fixture_trainer(model);
    tp_dataset *dataset = fixture_dataset();
    tp_batch batch = fixture_batch();
    tp_metrics metrics;
    float largest[parameter_count], out[sample_count * output_width], scale[8];
    int32_t predicted[sample_count];
    int64_t counts[9], sum = 0;
    double loss = 77;
    int outcomes[9];
    for (int i = 0; i < parameter_count; i++) largest[i] = i % 2 ? FLT_MAX : -FLT_MAX;
    CHECK_EQUAL(tp_model_set_parameters(model, largest, parameter_count), TP_OK);
    CHECK_EQUAL(tp_model_loss(model, &batch, TP_LOSS_CROSS_ENTROPY, &loss), TP_OK);
    CHECK(!isfinite(loss));
    CHECK_EQUAL(tp_trainer_step(trainer, &batch, NULL), TP_ERROR_NOT_FINITE);
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, NULL, NULL, NULL), TP_ERROR_NOT_FINITE);
    const int made = teleport_all(model, &batch, outcomes);
    CHECK_EQUAL(outcomes[TP_TELEPORT_NOT_FINITE], made);
    for (int i = 0; i < 8; i++) scale[i] = 1.5f;
    CHECK_EQUAL(tp_model_apply_scaling(model, 0, scale, 8), TP_ERROR_NOT_FINITE);
    CHECK(fixture_equals(model, largest));
    MUST(tp_metrics_init(&metrics, sizeof metrics));
    CHECK_EQUAL(tp_model_evaluate(model, dataset, TP_LOSS_CROSS_ENTROPY, &metrics), TP_OK);
    CHECK(!isfinite(metrics.loss));
    CHECK_EQUAL(metrics.count, sample_count);
    CHECK_EQUAL(tp_model_confusion_matrix(model, dataset, counts, 9), TP_OK);
    for (int i = 0; i < 9; i++) sum += counts[i];
    CHECK_EQUAL(sum, sample_count);
    CHECK_EQUAL(tp_model_predict(model, fixture_x, input_width, sample_count, TP_OUTPUT_PROBABILITIES, out,
                                 sample_count * output_width), TP_OK);
    CHECK_EQUAL(tp_model_predict_labels(model, fixture_x, input_width, sample_count, predicted, sample_count), TP_OK);
    for (int i = 0; i < sample_count; i++) CHECK(predicted[i] >= 0 && predicted[i] < class_count);

    /* They, denormals and -0 go through a file to the bit. */
    static char data[4096];
    size_t size = 0;
    for (int i = 0; i < parameter_count; i += 3) largest[i] = i % 2 ? -tiny * (float)i : -0.0f;
    MUST(tp_model_set_parameters(model, largest, parameter_count));
    MUST(tp_model_save_buffer(model, data, sizeof data, &size));
    CHECK_EQUAL(tp_model_load_buffer(&read, data, size, NULL), TP_OK);
    CHECK(fixture_equals(read, largest));
    tp_model_free(read);
    tp_dataset_free(dataset);
    tp_trainer_free(trainer);
    tp_model_free(model);
}

/* Weights that are no numbers are refused, each by its place. */
static void check_not_finite_weights(void) {
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *trainer = fixture_trainer(model);
    float *before = fixture_parameters(model), values[parameter_count];
    for (int i = 0; i < 3; i++) {
        memcpy(values, before, sizeof values);
        values[41] = not_numbers[i];
        CHECK_EQUAL(tp_model_set_parameters(model, values, parameter_count), TP_ERROR_NOT_FINITE);
        CHECK_NAMES(tp_error_message(), "parameters[41]");
        CHECK_EQUAL(tp_model_set_layer(model, 0, values, 48, NULL, 0), TP_ERROR_NOT_FINITE);
        CHECK_NAMES(tp_error_message(), "weights[41]");
        CHECK_EQUAL(tp_model_set_layer(model, 0, before, 48, values + 40, 8), TP_ERROR_NOT_FINITE);
        CHECK_NAMES(tp_error_message(), "bias[1]");
        CHECK_EQUAL(tp_trainer_apply_gradient(trainer, values, parameter_count), TP_ERROR_NOT_FINITE);
        CHECK_NAMES(tp_error_message(), "gradient[41]");
        CHECK(fixture_equals(model, before));
    }
    free(before);
    tp_trainer_free(trainer);
    tp_model_free(model);
}

/* Weights of samples: no numbers and negative ones are refused, the smallest count as any others do. */
static void check_sample_weights(void) {
    static const float wrong[] = {NAN, INFINITY, -INFINITY, -FLT_MAX, -0x1p-149f};
    static float weights[sample_count], ones[sample_count];
    tp_batch batch = fixture_batch(), targets = fixture_target_batch();
    tp_model *model = fixture_model(TP_ACTIVATION_LEAKY_RELU), *other = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    double loss = 77, expected = 78;
    int outcomes[9];
    for (int i = 0; i < sample_count; i++) ones[i] = weights[i] = 1;
    for (int i = 0; i < 5; i++) {
        weights[17] = wrong[i];
        batch.weights = targets.weights = weights;
        const tp_status status = i < 3 ? TP_ERROR_NOT_FINITE : TP_ERROR_INVALID_ARGUMENT;
        CHECK_EQUAL(tp_model_loss(model, &batch, TP_LOSS_CROSS_ENTROPY, &loss), status);
        CHECK_NAMES(tp_error_message(), "weight 17");
        CHECK_EQUAL(tp_model_loss(model, &targets, TP_LOSS_MEAN_SQUARED_ERROR, &loss), status);
        (void)teleport_all(model, &batch, outcomes);
        for (int j = 0; j < 8; j++) CHECK_EQUAL(outcomes[j], 0);
        check_steps(TP_ACTIVATION_TANH, &batch, status);
    }
    CHECK(loss == 77);
    /* The loss is a weighted mean: weights of 2^-149 each are weights of 1 each, in steps as well. */
    for (int squared = 0; squared < 2; squared++) {
        tp_batch *with = squared ? &targets : &batch;
        tp_trainer *first = NULL, *second = NULL;
        MUST(tp_trainer_create(&first, model, loss_of(with), NULL));
        MUST(tp_trainer_create(&second, other, loss_of(with), NULL));
        for (int i = 0; i < sample_count; i++) weights[i] = tiny;
        with->weights = weights;
        CHECK_EQUAL(tp_trainer_step(first, with, &loss), TP_OK);
        with->weights = ones;
        CHECK_EQUAL(tp_trainer_step(second, with, &expected), TP_OK);
        CHECK(loss == expected);
        float *parameters = fixture_parameters(other);
        CHECK(fixture_equals(model, parameters));
        free(parameters);
        tp_trainer_free(first);
        tp_trainer_free(second);
    }
    /* The largest weight leaves no more than its own sample. */
    for (int i = 0; i < sample_count; i++) weights[i] = i == 3 ? FLT_MAX : 1;
    tp_batch single = {.x = fixture_x + 3 * input_width, .x_width = input_width,
                       .labels = fixture_labels + 3, .count = 1};
    batch.weights = weights;
    MUST(tp_model_loss(model, &batch, TP_LOSS_CROSS_ENTROPY, &loss));
    MUST(tp_model_loss(model, &single, TP_LOSS_CROSS_ENTROPY, &expected));
    CHECK(fabs(loss - expected) < 1e-6 * expected);
    tp_model_free(model);
    tp_model_free(other);
}

/* ---- denormals ---------------------------------------------------------------------------------------------- */

/* Small integers times 2^-149 are exact wherever they are not flushed: outputs, gradients, steps and weights are those
 * of the integers, scaled. */
static void check_denormals(void) {
    enum { rows = 3 };
    static const int32_t widths[] = {2, 2, 2};
    static const float w0[] = {1, -2, 3, 1}, w1[] = {2, 1, -1, 4};
    static const float x[2 * rows] = {5, 1, -3, 2, 4, -4}, targets[2 * rows] = {1, -1, 2, 0, -2, 3};
    static const tp_activation activations[] = {TP_ACTIVATION_IDENTITY, TP_ACTIVATION_RELU, TP_ACTIVATION_LEAKY_RELU};
    float small[2 * rows], tiny_w0[4], out[2 * rows], expected[2 * rows], gradient[8], scaled[8];
    for (int i = 0; i < 2 * rows; i++) small[i] = tiny * x[i];
    for (int i = 0; i < 4; i++) tiny_w0[i] = tiny * w0[i];
    CHECK(small[1] != 0 && fpclassify(small[1]) == FP_SUBNORMAL);
    for (int a = 0; a < 3; a++) {
        tp_model *model = NULL;
        tp_trainer *trainer = NULL;
        tp_model_config config;
        tp_optimizer_config optimizer;
        MUST(tp_model_config_init(&config, sizeof config));
        config.activation = activations[a];
        config.negative_slope = 2;
        config.bias = 0;
        MUST(tp_model_create_mlp(&model, widths, 3, &config));
        MUST(tp_model_set_layer(model, 0, w0, 4, NULL, 0));
        MUST(tp_model_set_layer(model, 1, w1, 4, NULL, 0));
        MUST(tp_model_predict(model, x, 2, rows, TP_OUTPUT_RAW, expected, 2 * rows));
        MUST(tp_model_predict(model, small, 2, rows, TP_OUTPUT_RAW, out, 2 * rows));
        for (int i = 0; i < 2 * rows; i++) CHECK(out[i] == tiny * expected[i]);
        MUST(tp_model_set_layer(model, 0, tiny_w0, 4, NULL, 0));
        MUST(tp_model_predict(model, x, 2, rows, TP_OUTPUT_RAW, out, 2 * rows));
        for (int i = 0; i < 2 * rows; i++) CHECK(out[i] == tiny * expected[i]);
        MUST(tp_model_set_layer(model, 0, w0, 4, NULL, 0));

        /* The gradient by W_0 is delta x, and tiny outputs leave delta to the targets. */
        tp_batch batch = {.x = small, .x_width = 2, .targets = targets, .target_width = 2, .count = rows};
        double loss = 77;
        MUST(tp_model_gradient(model, &batch, TP_LOSS_HALF_SQUARED_ERROR, gradient, 8, &loss));
        CHECK(loss == 0.5 * (1 + 1 + 4 + 0 + 4 + 9));
        for (int i = 0; i < 2; i++) {
            for (int j = 0; j < 2; j++) {
                float sum = 0;
                for (int n = 0; n < rows; n++) {
                    const float z = w0[2 * i] * x[2 * n] + w0[2 * i + 1] * x[2 * n + 1];
                    const float slope = activations[a] == TP_ACTIVATION_IDENTITY || z > 0 ? 1
                                        : activations[a] == TP_ACTIVATION_RELU           ? 0
                                                                                         : 2;
                    sum += -(targets[2 * n] * w1[i] + targets[2 * n + 1] * w1[2 + i]) * slope * x[2 * n + j];
                }
                CHECK(gradient[2 * i + j] == tiny * sum);
            }
        }
        /* A step at the smallest rate from weights of 0. */
        MUST(tp_optimizer_config_init(&optimizer, sizeof optimizer));
        optimizer.learning_rate = tiny;
        MUST(tp_trainer_create(&trainer, model, TP_LOSS_HALF_SQUARED_ERROR, &optimizer));
        for (int i = 0; i < 8; i++) scaled[i] = 0;
        MUST(tp_model_set_parameters(model, scaled, 8));
        for (int i = 0; i < 8; i++) gradient[i] = (float)(i - 3);
        CHECK_EQUAL(tp_trainer_apply_gradient(trainer, gradient, 8), TP_OK);
        MUST(tp_model_get_parameters(model, scaled, 8));
        for (int i = 0; i < 8; i++) CHECK(scaled[i] == -tiny * gradient[i]);
        tp_trainer_free(trainer);

        /* Data sets keep them. */
        tp_dataset *dataset = NULL;
        MUST(tp_dataset_from_targets(&dataset, small, 2, small, 2, rows));
        MUST(tp_dataset_get(dataset, 0, rows, out, 2 * rows, NULL, 0));
        CHECK(!memcmp(out, small, sizeof small));
        MUST(tp_dataset_get_targets(dataset, 0, rows, out, 2 * rows));
        CHECK(!memcmp(out, small, sizeof small));
        tp_dataset_free(dataset);
        tp_model_free(model);
    }
    /* The smallest slope. */
    static const int32_t chain[] = {1, 1, 1};
    static const float one = 1, minus_three = -3, zero = 0;
    tp_model *model = NULL;
    tp_model_config config;
    MUST(tp_model_config_init(&config, sizeof config));
    config.negative_slope = tiny;
    CHECK_EQUAL(tp_model_create_mlp(&model, chain, 3, &config), TP_OK);
    for (int m = 0; m < 2; m++) MUST(tp_model_set_layer(model, m, &one, 1, &zero, 1));
    MUST(tp_model_predict(model, &minus_three, 1, 1, TP_OUTPUT_RAW, out, 1));
    CHECK(out[0] == -3 * tiny);
    tp_model_free(model);
    /* Teleports and steps of a batch that is denormal as a whole. */
    static float whole[sample_count * input_width];
    tp_batch batch = fixture_batch();
    int outcomes[9];
    for (int i = 0; i < sample_count * input_width; i++) whole[i] = 0x1p-140f * fixture_x[i];
    batch.x = whole;
    for (int activation = TP_ACTIVATION_IDENTITY; activation <= TP_ACTIVATION_TANH; activation++) {
        model = fixture_model((tp_activation)activation);
        CHECK(teleport_all(model, &batch, outcomes) >= 4);
        CHECK_EQUAL(outcomes[TP_TELEPORT_NOT_FINITE], 0);
        check_steps((tp_activation)activation, &batch, TP_OK);
        tp_model_free(model);
    }
}

/* ---- configs ------------------------------------------------------------------------------------------------ */

static tp_model *model;
static tp_dataset *dataset;
static tp_trainer *trainer;

typedef union {
    tp_model_config model;
    tp_image_config image;
    tp_teleport_config teleport;
    tp_optimizer_config optimizer;
    tp_schedule_config schedule;
    tp_run_config run;
    tp_plane_config plane;
} any_config;

static any_config config;

static void init_model(void) { MUST(tp_model_config_init(&config.model, sizeof config.model)); }
static void init_image(void) { MUST(tp_image_config_init(&config.image, sizeof config.image)); }
static void init_teleport(void) {
    MUST(tp_teleport_config_init(&config.teleport, sizeof config.teleport));
    config.teleport.learning_rate = 0.01;
    config.teleport.rollout_steps = 3;
    config.teleport.steps = 2;
}
static void init_optimizer(void) { MUST(tp_optimizer_config_init(&config.optimizer, sizeof config.optimizer)); }
static void init_schedule(void) { MUST(tp_schedule_config_init(&config.schedule, sizeof config.schedule)); }
static void init_run(void) {
    MUST(tp_run_config_init(&config.run, sizeof config.run));
    config.run.checkpoint_path = "/nonexistent/checkpoint"; /* a bad number is refused before it is opened */
}
static void init_plane(void) {
    MUST(tp_plane_config_init(&config.plane, sizeof config.plane));
    config.plane.steps = 3;
}

static tp_status use_model(void) {
    static const int32_t widths[] = {input_width, 4, class_count};
    tp_model *made = NULL;
    tp_status status = tp_model_create_mlp(&made, widths, 3, &config.model);
    tp_batch batch = fixture_batch();
    double loss = 77;
    if (status == TP_OK) CHECK_EQUAL(tp_model_loss(made, &batch, TP_LOSS_CROSS_ENTROPY, &loss), TP_OK);
    tp_model_free(made);
    return status;
}

static tp_status use_image(void) {
    static const uint8_t pixels[] = {0, 1, 128, 255, 0, 1, 128, 255};
    static const int32_t shape[] = {4, 1, 1};
    tp_dataset *made = NULL;
    float x[8];
    tp_status status = tp_dataset_from_pixels(&made, pixels, shape, NULL, 2, &config.image);
    if (status == TP_OK) {
        MUST(tp_dataset_get(made, 0, 2, x, 8, NULL, 0));
        CHECK(all_finite(x, 8));
    }
    tp_dataset_free(made);
    return status;
}

static tp_status use_teleport(void) {
    tp_batch batch = fixture_batch();
    tp_model *moved = NULL;
    MUST(tp_model_clone(&moved, model));
    tp_status status = TP_OK;
    for (int group = TP_GROUP_SCALING; group <= TP_GROUP_LEVEL_SET && status == TP_OK; group++) {
        config.teleport.group = group;
        status = tp_model_teleport(moved, &batch, TP_LOSS_CROSS_ENTROPY, &config.teleport, NULL);
        CHECK(model_is_finite(moved));
    }
    tp_model_free(moved);
    return status;
}

static tp_status use_optimizer(void) {
    tp_batch batch = fixture_batch();
    tp_status worst = TP_OK;
    for (int kind = TP_OPTIMIZER_SGD; kind <= TP_OPTIMIZER_ADAMW && worst == TP_OK; kind++) {
        tp_model *own = fixture_model(TP_ACTIVATION_LEAKY_RELU);
        tp_trainer *made = NULL;
        config.optimizer.optimizer = kind;
        worst = tp_trainer_create(&made, own, TP_LOSS_CROSS_ENTROPY, &config.optimizer);
        if (worst == TP_OK) CHECK_EQUAL(tp_trainer_step(made, &batch, NULL), TP_OK);
        tp_trainer_free(made);
        tp_model_free(own);
    }
    return worst;
}

static tp_status use_schedule(void) {
    tp_status status = TP_OK;
    for (int kind = TP_SCHEDULE_CONSTANT; kind <= TP_SCHEDULE_COSINE && status == TP_OK; kind++) {
        config.schedule.schedule = kind;
        status = tp_trainer_set_schedule(trainer, &config.schedule);
    }
    return status;
}

static tp_status use_run(void) {
    tp_model *own = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *made = fixture_trainer(own);
    tp_status status = tp_trainer_run(made, dataset, NULL, &config.run, NULL, NULL);
    tp_trainer_free(made);
    tp_model_free(own);
    return status;
}

static tp_status use_plane(void) {
    static const int32_t steps[] = {1};
    static const double start[] = {-1, -1};
    tp_plane_function function;
    double values[4];
    MUST(tp_plane_function_init(&function, sizeof function));
    MUST(tp_plane_rosenbrock(&function));
    config.plane.teleport_steps = steps;
    config.plane.teleport_step_count = 1;
    return tp_plane_descend(&function, start, &config.plane, NULL, 0, values, 4);
}

#define FIELD(kind, field, type) \
    {#kind "." #field, offsetof(tp_##kind##_config, field), sizeof(type) == sizeof(float), #field, \
     init_##kind, use_##kind}
static const struct {
    const char *name;
    size_t offset;
    int is_float;
    const char *field;
    void (*init)(void);
    tp_status (*use)(void);
} fields[] = {
    FIELD(model, negative_slope, float),
    FIELD(image, mean[0], float),
    FIELD(image, mean[3], float),
    FIELD(image, std[0], float),
    FIELD(image, std[3], float),
    FIELD(teleport, radius, double),
    FIELD(teleport, learning_rate, double),
    FIELD(teleport, loss_tolerance, double),
    FIELD(teleport, held_out_tolerance, double),
    FIELD(teleport, null_tolerance, double),
    FIELD(optimizer, learning_rate, double),
    FIELD(optimizer, momentum, double),
    FIELD(optimizer, beta1, double),
    FIELD(optimizer, beta2, double),
    FIELD(optimizer, alpha, double),
    FIELD(optimizer, epsilon, double),
    FIELD(optimizer, weight_decay, double),
    FIELD(optimizer, clip_norm, double),
    FIELD(schedule, factor, double),
    FIELD(schedule, floor, double),
    FIELD(run, checkpoint_seconds, double),
    FIELD(plane, learning_rate, double),
    FIELD(plane, theta_learning_rate, double),
    FIELD(plane, loss_tolerance, double),
};

static void set(size_t offset, int is_float, double value) {
    const float narrow = (float)value;
    if (is_float) {
        memcpy((char *)&config + offset, &narrow, sizeof narrow);
    } else {
        memcpy((char *)&config + offset, &value, sizeof value);
    }
}

/* Every field of float and double: what is no number is refused by its name, and the smallest and largest numbers are
 * used or refused by name, without a crash. */
static void check_configs(void) {
    static const double no_numbers[] = {NAN, INFINITY, -INFINITY};
    float *before = fixture_parameters(model);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const double numbers[] = {fields[i].is_float ? tiny : double_tiny, 1e-310,
                                  fields[i].is_float ? FLT_MAX : DBL_MAX};
        for (int j = 0; j < 3; j++) {
            fields[i].init();
            set(fields[i].offset, fields[i].is_float, no_numbers[j]);
            if (!CHECK_EQUAL(fields[i].use(), TP_ERROR_NOT_FINITE)) printf("%s %g\n", fields[i].name, no_numbers[j]);
            CHECK_NAMES(tp_error_message(), fields[i].field);
        }
        for (int j = 0; j < 3; j++) {
            fields[i].init();
            set(fields[i].offset, fields[i].is_float, fields[i].is_float && j == 1 ? 1e-40 : numbers[j]);
            tp_status status = fields[i].use();
            if (fields[i].use == use_run && status != TP_ERROR_INVALID_ARGUMENT) {
                /* Taken, and then there is no such folder. */
                CHECK(status == TP_ERROR_NOT_FOUND || status == TP_ERROR_IO);
                continue;
            }
            if (!CHECK(status == TP_OK || status == TP_ERROR_INVALID_ARGUMENT)) {
                printf("%s: %d, %s\n", fields[i].name, status, tp_error_message());
            }
            if (status != TP_OK) CHECK_NAMES(tp_error_message(), fields[i].field);
        }
    }
    CHECK(fixture_equals(model, before));
    free(before);

    /* Numbers behind pointers. */
    static const double wrong[] = {NAN, INFINITY, -INFINITY, 0, -1};
    for (int i = 0; i < 5; i++) {
        init_teleport();
        config.teleport.objective = TP_OBJECTIVE_SHARPNESS_MINIMIZE;
        config.teleport.perturbation_norms = &wrong[i];
        config.teleport.perturbation_norm_count = 1;
        CHECK_EQUAL(use_teleport(), i < 3 ? TP_ERROR_NOT_FINITE : TP_ERROR_INVALID_ARGUMENT);
        CHECK_NAMES(tp_error_message(), "perturbation_norms[0]");
        if (i > 2) continue;
        init_plane();
        config.plane.theta_starts = &wrong[i];
        config.plane.theta_start_count = 1;
        CHECK_EQUAL(use_plane(), TP_ERROR_NOT_FINITE);
        CHECK_NAMES(tp_error_message(), "theta_starts[0]");
        CHECK_EQUAL(tp_trainer_set_learning_rate(trainer, wrong[i]), TP_ERROR_NOT_FINITE);
        CHECK_NAMES(tp_error_message(), "learning_rate");
    }
}

/* ---- empty batches ------------------------------------------------------------------------------------------ */

/* No samples, with and without arrays: refused by every function that takes a batch. */
static void check_empty_batches(void) {
    static const int64_t counts[] = {0, -1, INT64_MIN};
    static float g[64], v[parameter_count], gradient[parameter_count];
    static double s[units], slopes[algebra];
    float *before = fixture_parameters(model), x = 77;
    int32_t labels = 77;
    double loss = 77;
    tp_dataset *made = NULL;
    for (int i = 0; i < 8; i++) g[9 * i] = 1;
    for (int kind = 0; kind < 6; kind++) {
        tp_batch batch = fixture_batch(), good = fixture_batch();
        const char *part = kind < 3 ? "samples" : "x is NULL";
        batch.count = counts[kind % 3];
        if (kind >= 3) batch.x = NULL;
#define EMPTY(call)                                          \
    do {                                                     \
        CHECK_EQUAL((call), TP_ERROR_INVALID_ARGUMENT);      \
        CHECK_NAMES(tp_error_message(), part);               \
    } while (0)
        EMPTY(tp_model_loss(model, &batch, TP_LOSS_CROSS_ENTROPY, &loss));
        EMPTY(tp_model_gradient(model, &batch, TP_LOSS_CROSS_ENTROPY, gradient, parameter_count, &loss));
        EMPTY(tp_model_hessian_vector_product(model, &batch, TP_LOSS_CROSS_ENTROPY, v, parameter_count, gradient,
                                              parameter_count));
        EMPTY(tp_model_linear_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, &loss, slopes, algebra));
        EMPTY(tp_model_scaling_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, s, units, &loss, NULL, 0));
        EMPTY(tp_model_apply_linear(model, 0, g, 64, &batch));
        EMPTY(tp_trainer_step(trainer, &batch, &loss));
        for (int group = TP_GROUP_SCALING; group <= TP_GROUP_LEVEL_SET; group++) {
            for (int search = TP_SEARCH_LOOKAHEAD; search <= TP_SEARCH_RANDOM; search++) {
                init_teleport();
                config.teleport.group = group;
                config.teleport.search = search;
                if (tp_model_check_teleport(model, &config.teleport) != TP_OK) continue;
                EMPTY(tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, &config.teleport, NULL));
                EMPTY(tp_trainer_teleport(trainer, &batch, &config.teleport, NULL));
                config.teleport.held_out = &batch;
                EMPTY(tp_model_teleport(model, &good, TP_LOSS_CROSS_ENTROPY, &config.teleport, NULL));
                CHECK_NAMES(tp_error_message(), "held_out");
                EMPTY(tp_trainer_teleport(trainer, &good, &config.teleport, NULL));
                CHECK_NAMES(tp_error_message(), "held_out");
            }
        }
        /* Arrays for data sets: no samples are no set. */
        tp_status status = tp_dataset_from_labels(&made, batch.x, input_width, fixture_labels, batch.count,
                                                  class_count);
        CHECK_EQUAL(status, TP_ERROR_INVALID_ARGUMENT);
        status = tp_dataset_from_targets(&made, batch.x, input_width, fixture_targets, output_width, batch.count);
        CHECK_EQUAL(status, TP_ERROR_INVALID_ARGUMENT);
        CHECK(made == NULL);
        /* Predicting for nobody is done at once. */
        status = batch.count == 0 ? TP_OK : TP_ERROR_INVALID_ARGUMENT;
        CHECK_EQUAL(tp_model_predict(model, batch.x, input_width, batch.count, TP_OUTPUT_RAW, &x, 1), status);
        CHECK_EQUAL(tp_model_predict(model, batch.x, input_width, batch.count, TP_OUTPUT_RAW, NULL, 0), status);
        CHECK_EQUAL(tp_model_predict_labels(model, batch.x, input_width, batch.count, &labels, 1), status);
    }
    CHECK_EQUAL(tp_dataset_get(dataset, 0, 0, NULL, 0, NULL, 0), TP_OK);
    CHECK_EQUAL(tp_dataset_get(dataset, sample_count, 0, &x, 1, &labels, 1), TP_OK);
    CHECK(x == 77 && labels == 77 && loss == 77);
    CHECK(fixture_equals(model, before));
    CHECK_EQUAL(tp_trainer_step_count(trainer), 0);
    free(before);
}

int main(void) {
    fixture_fill();
    for (int activation = TP_ACTIVATION_IDENTITY; activation <= TP_ACTIVATION_TANH; activation++) {
        check_not_finite_samples((tp_activation)activation);
        check_largest_samples((tp_activation)activation);
    }
    check_largest_weights();
    check_not_finite_weights();
    check_sample_weights();
    check_denormals();

    model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    dataset = fixture_dataset();
    trainer = fixture_trainer(model);
    check_empty_batches();
    check_configs();
    tp_trainer_free(trainer);
    tp_dataset_free(dataset);
    tp_model_free(model);
    return check_finish();
}
