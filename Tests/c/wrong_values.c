/* Every number and enum argument with values that have no meaning: each call is refused with a status of its own
 * and a sentence, nothing moves, nothing is printed, and the process lives. */
#define _POSIX_C_SOURCE 200809L
#include <limits.h>
#include <math.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

static tp_model *model, *sigmoid;
static tp_dataset *dataset;
static tp_trainer *trainer;
static tp_batch batch;

#define EXPECT(status, call)                                           \
    do {                                                               \
        CHECK_EQUAL((call), (status));                                 \
        CHECK((status) == TP_OK || strlen(tp_error_message()) > 6);   \
    } while (0)
#define INVALID(call) EXPECT(TP_ERROR_INVALID_ARGUMENT, call)
#define MISMATCH(call) EXPECT(TP_ERROR_SHAPE_MISMATCH, call)
#define TOO_SMALL(call) EXPECT(TP_ERROR_BUFFER_TOO_SMALL, call)
#define NOT_FINITE(call) EXPECT(TP_ERROR_NOT_FINITE, call)

/* A member of wrong_doubles: what is no number has a status of its own. */
#define WRONG_NUMBER(i, call) EXPECT((i) < 3 ? TP_ERROR_NOT_FINITE : TP_ERROR_INVALID_ARGUMENT, call)

/* Refused, whatever the status. */
#define REFUSED(call)                          \
    do {                                       \
        CHECK((call) < 0);                     \
        CHECK(strlen(tp_error_message()) > 6); \
    } while (0)

static const int32_t wrong_enums[] = {-1, INT32_MIN, INT32_MAX, 99};
enum { wrong_enum_count = sizeof wrong_enums / sizeof *wrong_enums };
static const double wrong_doubles[] = {NAN, INFINITY, -INFINITY, -1};
enum { wrong_double_count = sizeof wrong_doubles / sizeof *wrong_doubles };
static const int64_t wrong_counts[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX / 4, (int64_t)1 << 40};
enum { wrong_count_count = sizeof wrong_counts / sizeof *wrong_counts };

static void check_strings(void) {
    CHECK(!strcmp(tp_status_string((tp_status)-99), "unknown status"));
    CHECK(!strcmp(tp_status_string((tp_status)INT32_MAX), "unknown status"));
    CHECK(!strcmp(tp_teleport_outcome_string((tp_teleport_outcome)99), "unknown outcome"));
    CHECK(!strcmp(tp_teleport_outcome_string((tp_teleport_outcome)-1), "unknown outcome"));
    CHECK(tp_version_number() == TP_VERSION_MAJOR * 10000 + TP_VERSION_MINOR * 100 + TP_VERSION_PATCH);
    CHECK(strlen(tp_build_info()) > 10);
}

static void check_threads(void) {
    int32_t before = tp_thread_count();
    INVALID(tp_set_thread_count(-1));
    INVALID(tp_set_thread_count(257));
    INVALID(tp_set_thread_count(INT32_MIN));
    INVALID(tp_set_thread_count(INT32_MAX));
    CHECK_EQUAL(tp_thread_count(), before);
    EXPECT(TP_OK, tp_set_thread_count(256));
    CHECK_EQUAL(tp_thread_count(), 256);
    EXPECT(TP_OK, tp_set_thread_count(0));
    CHECK_EQUAL(tp_thread_count(), before);
}

/* ---- models ---------------------------------------------------------------------------------------------- */

static tp_status create(const int32_t *widths, size_t count, const tp_model_config *config) {
    tp_model *made = NULL;
    tp_status status = tp_model_create_mlp(&made, widths, count, config);
    CHECK((made != NULL) == (status == TP_OK));
    tp_model_free(made);
    return status;
}

static void check_create(void) {
    static const int32_t widths[] = {2, 3, 1};
    static int32_t many[1025];
    tp_model_config config;

    INVALID(create(widths, 0, NULL));
    INVALID(create(widths, 1, NULL));
    for (int i = 0; i < 1025; i++) many[i] = 1;
    INVALID(create(many, 1025, NULL));
    EXPECT(TP_OK, create(many, 1024, NULL));
    INVALID(create(widths, SIZE_MAX, NULL));
    for (int i = 0; i < 3; i++) {
        int32_t wrong[] = {2, 3, 1};
        wrong[i] = 0;
        INVALID(create(wrong, 3, NULL));
        wrong[i] = -1;
        INVALID(create(wrong, 3, NULL));
        wrong[i] = INT32_MIN;
        INVALID(create(wrong, 3, NULL));
    }
    static const int32_t huge[] = {INT32_MAX, INT32_MAX, INT32_MAX};
    EXPECT(TP_ERROR_OUT_OF_MEMORY, create(huge, 3, NULL));
    for (int i = 0; i < 1024; i++) many[i] = INT32_MAX;
    EXPECT(TP_ERROR_OUT_OF_MEMORY, create(many, 1024, NULL));

#define FIELD(type, field, value)                     \
    do {                                              \
        MUST(type##_init(&config, sizeof config));    \
        config.field = (value);                       \
    } while (0)
    for (int i = 0; i < wrong_enum_count; i++) {
        FIELD(tp_model_config, activation, wrong_enums[i]);
        INVALID(create(widths, 3, &config));
        FIELD(tp_model_config, initialization, wrong_enums[i]);
        INVALID(create(widths, 3, &config));
        FIELD(tp_model_config, bias, wrong_enums[i]);
        INVALID(create(widths, 3, &config));
    }
    for (int i = 0; i < wrong_double_count; i++) {
        FIELD(tp_model_config, negative_slope, (float)wrong_doubles[i]);
        WRONG_NUMBER(i, create(widths, 3, &config));
    }
}

static void check_layers(void) {
    float values[128];
    int32_t numbers[8] = {77, 77, 77, 77, 77, 77, 77, 77};
    static const int32_t wrong_layers[] = {-1, 3, INT32_MIN, INT32_MAX};

    for (int i = 0; i < 128; i++) values[i] = 77;
    for (int i = 0; i < 4; i++) {
        INVALID(tp_model_layer_shape(model, wrong_layers[i], &numbers[0], &numbers[1]));
        INVALID(tp_model_get_layer(model, wrong_layers[i], values, 128, NULL, 0));
        INVALID(tp_model_set_layer(model, wrong_layers[i], values, 48, NULL, 0));
    }
    TOO_SMALL(tp_model_widths(model, numbers, 3));
    TOO_SMALL(tp_model_widths(model, numbers, 0));
    TOO_SMALL(tp_model_get_layer(model, 0, values, 47, NULL, 0));
    TOO_SMALL(tp_model_get_layer(model, 0, NULL, 0, values, 7));
    TOO_SMALL(tp_model_get_layer(model, 0, values, 48, values + 64, 7));
    TOO_SMALL(tp_model_get_parameters(model, values, 118));
    for (int i = 0; i < 128; i++) CHECK(values[i] == 77);
    for (int i = 0; i < 8; i++) CHECK_EQUAL(numbers[i], 77);
    MISMATCH(tp_model_set_layer(model, 0, values, 47, NULL, 0));
    MISMATCH(tp_model_set_layer(model, 0, values, 49, NULL, 0));
    MISMATCH(tp_model_set_layer(model, 0, NULL, 0, values, 9));
    MISMATCH(tp_model_set_layer(model, 0, values, 48, values, 7)); /* the weights must stay as well */
    MISMATCH(tp_model_set_layer(model, 0, values, SIZE_MAX, NULL, 0));
    MISMATCH(tp_model_set_parameters(model, values, 118));
    MISMATCH(tp_model_set_parameters(model, values, 120));
    values[40] = NAN;
    NOT_FINITE(tp_model_set_layer(model, 0, values, 48, NULL, 0));
    NOT_FINITE(tp_model_set_parameters(model, values, 119));
    values[40] = 1;
    values[100] = INFINITY;
    NOT_FINITE(tp_model_set_parameters(model, values, 119));
    values[3] = -INFINITY;
    NOT_FINITE(tp_model_set_layer(model, 0, NULL, 0, values, 8));
}

/* 6-4-(4, added to what it reads)-3, with an activation that pins. */
static void check_graphs(void) {
    static const char net[] = "input 6\ndense 4\ns = relu\ndense 4\nadd of fc2 s\ndense 5\ntanh\ndense 3";
    static const int32_t shape[3] = {1, 2, 3}, wrong_shapes[][3] = {{0, 2, 3}, {1, -1, 3}, {1, 2, INT32_MIN},
                                                                      {INT32_MAX, INT32_MAX, INT32_MAX}};
    static const int32_t wrong[] = {-1, 8, INT32_MIN, INT32_MAX};
    static const float negative[4] = {-1, 1, 1, 1}, scale[5] = {1, 2, 3, 4, 5};
    static char long_text[65538];
    tp_model *made = NULL;
    tp_batch samples = fixture_batch();
    char text[2048] = "kept";
    float values[32];
    double phi, gradient[64];
    int32_t sizes[4] = {77, 77, 77, 77}, rank = 77;
    int64_t variables[8] = {77, 77, 77, 77};
    size_t length = 77;

    INVALID(tp_model_create(&made, "", NULL));
    INVALID(tp_model_create(&made, "input 6\nconv", NULL));
    INVALID(tp_model_create(&made, "dense 6", NULL));
    INVALID(tp_model_create(&made, "input 6; dense 0", NULL));
    CHECK(strstr(tp_error_message(), "line 1: layer 'fc1' has '0'"));
    memset(long_text, '\n', 65537);
    INVALID(tp_model_create(&made, long_text, NULL));
    EXPECT(TP_ERROR_OUT_OF_MEMORY, tp_model_create(&made, "input 2147483647; dense 2147483647; dense 2", NULL));
    CHECK(made == NULL);
    EXPECT(TP_ERROR_NOT_FOUND, tp_architecture("resnet-9", shape, 3, text, sizeof text, &length));
    INVALID(tp_architecture("lenet", shape, 3, text, sizeof text, &length));
    INVALID(tp_architecture("mlp", shape, 0, text, sizeof text, &length));
    INVALID(tp_architecture("mlp", shape, INT32_MIN, text, sizeof text, &length));
    for (int i = 0; i < 4; i++) CHECK(tp_architecture("mlp", wrong_shapes[i], 3, text, sizeof text, &length) < 0);
    long_text[300] = 0;
    INVALID(tp_architecture(long_text, shape, 3, text, sizeof text, &length));
    CHECK(length == 77 && !strcmp(text, "kept"));
    TOO_SMALL(tp_architecture("mlp", shape, 3, text, 8, &length));
    CHECK(length > 8 && !strcmp(text, "kept"));

    MUST(tp_model_create(&made, net, NULL));
    TOO_SMALL(tp_model_architecture(made, text, strlen(net), &length));
    TOO_SMALL(tp_model_summary(made, text, 8, &length));
    for (int i = 0; i < 4; i++) {
        EXPECT(TP_ERROR_NOT_FOUND, tp_model_tensor_name(made, wrong[i], text, sizeof text, &length));
        INVALID(tp_model_scaling_variables(made, wrong[i], variables, 8));
    }
    TOO_SMALL(tp_model_tensor_name(made, 0, text, 4, &length));
    EXPECT(TP_ERROR_NOT_FOUND, tp_model_tensor_shape(made, "fc9.weight", sizes, 4, &rank));
    EXPECT(TP_ERROR_NOT_FOUND, tp_model_get_tensor(made, "fc1", values, 32));
    EXPECT(TP_ERROR_NOT_FOUND, tp_model_set_tensor(made, "", negative, 4));
    INVALID(tp_model_get_tensor(made, long_text, values, 32));
    CHECK(sizes[0] == 77 && rank == 77);
    TOO_SMALL(tp_model_tensor_shape(made, "fc1.weight", sizes, 1, &rank));
    CHECK(sizes[0] == 77 && rank == 2);
    TOO_SMALL(tp_model_get_tensor(made, "fc1.weight", values, 23));
    MISMATCH(tp_model_set_tensor(made, "fc1.bias", negative, 3));
    values[0] = NAN;
    NOT_FINITE(tp_model_set_tensor(made, "fc1.bias", values, 4));
    EXPECT(TP_OK, tp_model_set_tensor(made, "fc1.bias", negative, 4));
    TOO_SMALL(tp_model_scaling_variables(made, 0, variables, 3));
    CHECK(variables[0] == 77 && !strcmp(text, "kept"));

    EXPECT(TP_ERROR_NOT_FOUND, tp_model_load_weights(made, "/no/such/file"));
    EXPECT(TP_ERROR_FORMAT, tp_model_load_weights(made, "/dev/null"));

    /* The stream is one class, what feeds tanh has none. */
    CHECK_EQUAL(tp_model_scaling_count(made), 4);
    EXPECT(TP_OK, tp_model_scaling_variables(made, 1, variables, 8));
    CHECK_EQUAL(variables[3], 3);
    EXPECT(TP_OK, tp_model_scaling_variables(made, 2, variables, 8));
    CHECK_EQUAL(variables[3], -1);
    EXPECT(TP_OK, tp_model_apply_scaling(made, 1, scale, 4));
    EXPECT(TP_ERROR_UNSUPPORTED, tp_model_apply_scaling(made, 2, scale, 5));
    CHECK(strstr(tp_error_message(), "'fc3'"));
    INVALID(tp_model_apply_scaling(made, 3, scale, 3));

    /* What goes through the inputs of layers from one to the next needs them in a row. */
    EXPECT(TP_ERROR_UNSUPPORTED, tp_model_apply_linear(made, 0, scale, 16, &samples));
    EXPECT(TP_ERROR_UNSUPPORTED,
           tp_model_linear_gradient_norm(made, &samples, TP_LOSS_CROSS_ENTROPY, &phi, gradient, 64));
    CHECK(strstr(tp_error_message(), "needs dense layers in a row; layer 'add1' is add"));
    tp_teleport_config config;
    MUST(tp_teleport_config_init(&config, sizeof config));
    config.learning_rate = 0.1;
    config.group = TP_GROUP_NULL_SPACE;
    EXPECT(TP_ERROR_UNSUPPORTED, tp_model_check_teleport(made, &config));
    config.group = TP_GROUP_LINEAR;
    EXPECT(TP_ERROR_UNSUPPORTED, tp_model_check_teleport(made, &config));
    config.group = TP_GROUP_SCALING;
    config.layer = 2;
    EXPECT(TP_ERROR_UNSUPPORTED, tp_model_check_teleport(made, &config));
    config.layer = 3;
    INVALID(tp_model_check_teleport(made, &config));
    for (config.layer = -1; config.layer < 2; config.layer++) EXPECT(TP_OK, tp_model_check_teleport(made, &config));
    tp_model_free(made);
}

static void check_metadata(void) {
    static char long_key[257], long_value[(1 << 20) + 2];
    char text[8] = "kept";
    size_t length = 77;

    memset(long_key, 'k', 256);
    memset(long_value, 'v', (1 << 20) + 1);
    INVALID(tp_model_set_metadata(model, "", "value"));
    INVALID(tp_model_set_metadata(model, long_key, "value"));
    INVALID(tp_model_set_metadata(model, "key", long_value));
    INVALID(tp_model_set_metadata(model, "\xff\xfe", "value"));
    INVALID(tp_model_set_metadata(model, "key", "\xc3"));
    long_key[255] = 0;
    long_value[1 << 20] = 0;
    EXPECT(TP_OK, tp_model_set_metadata(model, long_key, long_value));
    EXPECT(TP_OK, tp_model_get_metadata(model, long_key, NULL, 0, &length));
    CHECK_EQUAL(length, 1 << 20);
    EXPECT(TP_OK, tp_model_set_metadata(model, long_key, NULL));
    EXPECT(TP_ERROR_NOT_FOUND, tp_model_get_metadata(model, "absent", text, 8, NULL));
    EXPECT(TP_OK, tp_model_set_metadata(model, "key", "value"));
    TOO_SMALL(tp_model_get_metadata(model, "key", text, 5, &length));
    CHECK_EQUAL(length, 5);
    CHECK(!strcmp(text, "kept"));
    EXPECT(TP_OK, tp_model_get_metadata(model, "key", text, 6, NULL));
    CHECK(!strcmp(text, "value"));
    for (int i = 0; i < wrong_enum_count; i++) {
        EXPECT(TP_ERROR_NOT_FOUND, tp_model_metadata_key(model, wrong_enums[i], text, 8, &length));
    }
    TOO_SMALL(tp_model_metadata_key(model, 0, text, 3, &length));
    CHECK(length == 3 && !strcmp(text, "value"));
    for (int i = 0; i < 1030; i++) {
        snprintf(long_key, sizeof long_key, "key %d", i);
        tp_status status = tp_model_set_metadata(sigmoid, long_key, "v");
        CHECK_EQUAL(status, i < 1024 ? TP_OK : TP_ERROR_INVALID_ARGUMENT);
    }
}

static void check_predict(void) {
    float out[32];
    int32_t labels[8];

    for (int i = 0; i < 32; i++) out[i] = 77;
    for (int i = 0; i < wrong_enum_count; i++) {
        INVALID(tp_model_predict(model, fixture_x, input_width, 4, (tp_output)wrong_enums[i], out, 32));
    }
    MISMATCH(tp_model_predict(model, fixture_x, 5, 4, TP_OUTPUT_RAW, out, 32));
    REFUSED(tp_model_predict(model, fixture_x, 0, 4, TP_OUTPUT_RAW, out, 32));
    REFUSED(tp_model_predict(model, fixture_x, -1, 4, TP_OUTPUT_RAW, out, 32));
    REFUSED(tp_model_predict(model, fixture_x, INT64_MAX, 4, TP_OUTPUT_RAW, out, 32));
    for (int i = 0; i < wrong_count_count; i++) {
        REFUSED(tp_model_predict(model, fixture_x, input_width, wrong_counts[i], TP_OUTPUT_RAW, out, 32));
        REFUSED(tp_model_predict_labels(model, fixture_x, input_width, wrong_counts[i], labels, 8));
    }
    TOO_SMALL(tp_model_predict(model, fixture_x, input_width, 4, TP_OUTPUT_RAW, out, 11));
    TOO_SMALL(tp_model_predict(model, fixture_x, input_width, 4, TP_OUTPUT_PROBABILITIES, out, 0));
    TOO_SMALL(tp_model_predict_labels(model, fixture_x, input_width, 4, labels, 3));
    for (int i = 0; i < 32; i++) CHECK(out[i] == 77);
}

/* ---- measuring, teleports, training ------------------------------------------------------------------------ */

static tp_status loss_of(tp_batch wrong) {
    double loss = 77;
    tp_loss kind = wrong.targets ? TP_LOSS_MEAN_SQUARED_ERROR : TP_LOSS_CROSS_ENTROPY;
    tp_status status = tp_model_loss(model, &wrong, kind, &loss);
    CHECK((loss == 77) == (status != TP_OK));
    return status;
}

static void check_batches(void) {
    static int32_t labels[sample_count];
    static float weights[sample_count];
    tp_batch wrong;

    EXPECT(TP_OK, loss_of(batch));
    for (int i = 0; i < wrong_count_count; i++) {
        if (wrong_counts[i] > 0) continue; /* the arrays must hold what a positive count says */
        wrong = batch;
        wrong.count = wrong_counts[i];
        INVALID(loss_of(wrong));
    }
    wrong = batch;
    wrong.count = 0;
    INVALID(loss_of(wrong));
    wrong = batch;
    wrong.x_width = 5;
    MISMATCH(loss_of(wrong));
    for (int i = 0; i < wrong_count_count; i++) {
        wrong = batch;
        wrong.x_width = wrong_counts[i];
        REFUSED(loss_of(wrong));
        wrong = fixture_target_batch();
        wrong.target_width = wrong_counts[i];
        REFUSED(loss_of(wrong));
    }
    wrong = fixture_target_batch();
    wrong.target_width = 2;
    MISMATCH(loss_of(wrong));
    wrong = batch;
    wrong.target_width = 3;
    INVALID(loss_of(wrong));

    static const int32_t wrong_labels[] = {-1, class_count, INT32_MIN, INT32_MAX};
    for (int i = 0; i < 4; i++) {
        memcpy(labels, fixture_labels, sizeof labels);
        labels[sample_count - 1] = wrong_labels[i];
        wrong = batch;
        wrong.labels = labels;
        REFUSED(loss_of(wrong));
    }
    static const float wrong_weights[] = {NAN, INFINITY, -1};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < sample_count; j++) weights[j] = 1;
        weights[sample_count - 1] = wrong_weights[i];
        wrong = batch;
        wrong.weights = weights;
        REFUSED(loss_of(wrong));
    }
    memset(weights, 0, sizeof weights);
    wrong = batch;
    wrong.weights = weights;
    INVALID(loss_of(wrong));
}

static void check_measuring(void) {
    float gradient[128];
    int64_t counts[9];
    double loss = 77;
    tp_batch targets = fixture_target_batch();
    tp_metrics metrics;

    for (int i = 0; i < 128; i++) gradient[i] = 77;
    MUST(tp_metrics_init(&metrics, sizeof metrics));
    for (int i = 0; i < wrong_enum_count; i++) {
        tp_loss wrong = (tp_loss)wrong_enums[i];
        tp_trainer *made = NULL;
        INVALID(tp_model_loss(model, &batch, wrong, &loss));
        INVALID(tp_model_gradient(model, &batch, wrong, gradient, 128, &loss));
        INVALID(tp_model_evaluate(model, dataset, wrong, &metrics));
        INVALID(tp_model_teleport(model, &batch, wrong, NULL, NULL));
        INVALID(tp_trainer_create(&made, model, wrong, NULL));
        CHECK(made == NULL);
    }
    /* A loss that wants labels with targets, and the other way round. */
    REFUSED(tp_model_loss(model, &targets, TP_LOSS_CROSS_ENTROPY, &loss));
    REFUSED(tp_model_loss(model, &batch, TP_LOSS_MEAN_SQUARED_ERROR, &loss));
    REFUSED(tp_model_loss(model, &batch, TP_LOSS_HALF_SQUARED_ERROR, &loss));
    REFUSED(tp_model_evaluate(model, dataset, TP_LOSS_MEAN_SQUARED_ERROR, &metrics));
    TOO_SMALL(tp_model_gradient(model, &batch, TP_LOSS_CROSS_ENTROPY, gradient, 118, &loss));
    TOO_SMALL(tp_model_gradient(model, &batch, TP_LOSS_CROSS_ENTROPY, gradient, 0, &loss));
    TOO_SMALL(tp_model_confusion_matrix(model, dataset, counts, 8));
    double told[3] = {77, 77, 77};
    MUST(tp_model_confusion_matrix(model, dataset, counts, 9));
    TOO_SMALL(tp_confusion_metrics(counts, 3, told, NULL, NULL, 2));
    INVALID(tp_confusion_metrics(counts, 0, told, NULL, NULL, 3));
    INVALID(tp_confusion_metrics(counts, SIZE_MAX, told, NULL, NULL, SIZE_MAX));
    INVALID(tp_confusion_metrics(counts, SIZE_MAX / 2, told, NULL, NULL, SIZE_MAX));
    counts[5] = -1;
    INVALID(tp_confusion_metrics(counts, 3, told, NULL, NULL, 3));
    for (int i = 0; i < 9; i++) counts[i] = INT64_MAX;
    CHECK(told[0] == 77 && told[2] == 77);
    EXPECT(TP_OK, tp_confusion_metrics(counts, 3, told, NULL, NULL, 3));
    CHECK(fabs(told[0] - 1.0 / 3) < 1e-15);
    CHECK(loss == 77);
    for (int i = 0; i < 128; i++) CHECK(gradient[i] == 77);
    CHECK_EQUAL(metrics.count, 0);
}

static tp_status teleport(const tp_teleport_config *config) {
    tp_teleport_report report;
    MUST(tp_teleport_report_init(&report, sizeof report));
    tp_status can = tp_model_check_teleport(model, config);
    tp_status status = tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, config, &report);
    CHECK_EQUAL(can, status);
    CHECK_EQUAL(report.outcome, TP_TELEPORT_NONE);
    CHECK_EQUAL(tp_trainer_teleport(trainer, &batch, config, &report), status);
    return status;
}

static void check_teleport_config(void) {
    tp_teleport_config config;
    static const int32_t wrong_counts_32[] = {-2, -1, INT32_MIN, INT32_MAX}; /* 0: the default */

#define WRONG(field, value)                                          \
    do {                                                             \
        MUST(tp_teleport_config_init(&config, sizeof config));       \
        config.learning_rate = 0.01;                                 \
        config.field = (value);                                      \
        INVALID(teleport(&config));                                  \
    } while (0)
    for (int i = 0; i < wrong_enum_count; i++) {
        WRONG(group, wrong_enums[i]);
        WRONG(search, wrong_enums[i]);
        WRONG(objective, wrong_enums[i]);
        WRONG(state, wrong_enums[i]);
        WRONG(exact, wrong_enums[i]);
        if (wrong_enums[i] != TP_LAYER_ALL) WRONG(layer, wrong_enums[i]);
    }
    WRONG(layer, 2); /* hidden layers are 0 and 1 */
    for (int i = 0; i < 4; i++) {
        WRONG(steps, wrong_counts_32[i]);
        WRONG(candidates, wrong_counts_32[i]);
        WRONG(rollout_steps, wrong_counts_32[i]);
        if (wrong_counts_32[i] < 0) WRONG(rollout_batch, wrong_counts_32[i]);
    }
    for (int i = 0; i < wrong_double_count; i++) {
#define WRONG_DOUBLE(field)                                          \
    do {                                                             \
        MUST(tp_teleport_config_init(&config, sizeof config));       \
        config.learning_rate = 0.01;                                 \
        config.field = wrong_doubles[i];                             \
        WRONG_NUMBER(i, teleport(&config));                          \
    } while (0)
        WRONG_DOUBLE(radius);
        WRONG_DOUBLE(learning_rate);
        WRONG_DOUBLE(loss_tolerance);
        WRONG_DOUBLE(null_tolerance);
        if (i < 3) WRONG_DOUBLE(held_out_tolerance);
    }
    WRONG(radius, 16.5);
    static const double zero_norm[] = {0.1, 0}, nan_norm[] = {NAN};
    for (int i = 0; i < wrong_enum_count; i++) {
        WRONG(sampler, wrong_enums[i]);
        WRONG(reserved, wrong_enums[i]);
    }
    for (int i = 0; i < 4; i++) {
        WRONG(perturbations, wrong_counts_32[i]);
        WRONG(curves, wrong_counts_32[i]);
    }
    WRONG(null_tolerance, 1);
    WRONG(held_out_tolerance, -0.5); /* off is -1 */
    for (int i = 0; i < 2; i++) {
        MUST(tp_teleport_config_init(&config, sizeof config));
        config.learning_rate = 0.01;
        config.search = TP_SEARCH_RANDOM;
        config.objective = TP_OBJECTIVE_SHARPNESS_MINIMIZE;
        config.perturbation_norms = i ? nan_norm : zero_norm;
        config.perturbation_norm_count = i ? 1 : 2;
        EXPECT(i ? TP_ERROR_NOT_FINITE : TP_ERROR_INVALID_ARGUMENT, teleport(&config));
    }

    /* Objectives of the weights: the ascent of the scaling group alone takes them. */
    for (int32_t objective = TP_OBJECTIVE_PATH_CONDITIONING; objective <= TP_OBJECTIVE_EQUAL_NORMS; objective++) {
        for (int i = 0; i < 4; i++) {
            MUST(tp_teleport_config_init(&config, sizeof config));
            config.learning_rate = 0.01;
            config.objective = objective;
            config.group = i < 2 ? TP_GROUP_SCALING : i == 2 ? TP_GROUP_LINEAR : TP_GROUP_NULL_SPACE;
            config.search = i == 0 ? TP_SEARCH_LOOKAHEAD : i == 1 ? TP_SEARCH_RANDOM : TP_SEARCH_ASCENT;
            EXPECT(TP_ERROR_UNSUPPORTED, teleport(&config));
            CHECK_NAMES(tp_error_message(), i < 2 ? "the ascent search" : "objectives of the scaling group");
        }
        MUST(tp_teleport_config_init(&config, sizeof config));
        config.objective = objective;
        config.search = TP_SEARCH_ASCENT;
        MUST(tp_model_check_teleport(model, &config));
        EXPECT(TP_ERROR_UNSUPPORTED, tp_model_check_teleport(sigmoid, &config));
        WRONG(objective, TP_OBJECTIVE_EQUAL_NORMS + 1);
    }

    double s[13] = {0}, phi = 77, slope[13];
    float scale[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    MISMATCH(tp_model_scaling_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, s, 12, &phi, slope, 13));
    TOO_SMALL(tp_model_scaling_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, s, 13, &phi, slope, 12));
    for (int i = 0; i < 3; i++) {
        s[5] = wrong_doubles[i];
        NOT_FINITE(tp_model_scaling_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, s, 13, &phi, slope, 13));
    }
    s[5] = 0;
    EXPECT(TP_ERROR_UNSUPPORTED,
           tp_model_scaling_gradient_norm(sigmoid, &batch, TP_LOSS_CROSS_ENTROPY, s, 13, &phi, slope, 13));
    CHECK(phi == 77);
    INVALID(tp_model_apply_scaling(model, -1, scale, 8));
    INVALID(tp_model_apply_scaling(model, 2, scale, 3)); /* the last layer has no hidden units */
    INVALID(tp_model_apply_scaling(model, INT32_MAX, scale, 8));
    MISMATCH(tp_model_apply_scaling(model, 0, scale, 7));
    MISMATCH(tp_model_apply_scaling(model, 0, scale, 9));
    EXPECT(TP_ERROR_UNSUPPORTED, tp_model_apply_scaling(sigmoid, 0, scale, 8));
    EXPECT(TP_ERROR_UNSUPPORTED, tp_model_check_teleport(sigmoid, NULL));
    static const float wrong_scales[] = {0, -1, NAN, INFINITY};
    for (int i = 0; i < 4; i++) {
        scale[3] = wrong_scales[i];
        EXPECT(i < 2 ? TP_ERROR_INVALID_ARGUMENT : TP_ERROR_NOT_FINITE, tp_model_apply_scaling(model, 0, scale, 8));
    }
    /* Glorot weights reach 0.65, so that twice the largest factor takes some past the range. */
    float *weights = fixture_parameters(model), doubled[48];
    for (int i = 0; i < 48; i++) doubled[i] = 4 * weights[i];
    EXPECT(TP_OK, tp_model_set_layer(model, 0, doubled, 48, NULL, 0));
    for (int i = 0; i < 8; i++) scale[i] = 3e38f;
    NOT_FINITE(tp_model_apply_scaling(model, 0, scale, 8));
    EXPECT(TP_OK, tp_model_set_parameters(model, weights, 119));
    free(weights);
}

/* A trainer's frames and averages: numbers, and what they do not go together with. */
static void check_frames(void) {
    tp_frame_config frames;
    tp_teleport_config teleport;
    tp_optimizer_config optimizer;
    tp_run_config run;
    tp_model *made = NULL;
    tp_trainer *free_trainer = NULL;
#define WRONG_FRAMES(field, value)                                   \
    do {                                                             \
        MUST(tp_frame_config_init(&frames, sizeof frames));          \
        frames.field = (value);                                      \
        INVALID(tp_trainer_set_frames(trainer, &frames));            \
    } while (0)
    WRONG_FRAMES(every, 0);
    WRONG_FRAMES(every, -2);
    WRONG_FRAMES(early_every, 0);
    WRONG_FRAMES(early_steps, -1);
    WRONG_FRAMES(samples, 0);
    WRONG_FRAMES(samples, 65537);
    WRONG_FRAMES(damping, 0);
    WRONG_FRAMES(damping, -1);
    WRONG_FRAMES(damping, NAN);
    WRONG_FRAMES(damping, INFINITY);
    WRONG_FRAMES(warmup_steps, -1);
    WRONG_FRAMES(outputs, 2);
    WRONG_FRAMES(outputs, -1);
    WRONG_FRAMES(reserved, 1);
    WRONG_FRAMES(rank, 0);
    WRONG_FRAMES(rank, 257);
    WRONG_FRAMES(input_rank, -1);
    WRONG_FRAMES(input_rank, 257);
    MUST(tp_run_config_init(&run, sizeof run));
    run.frames = &frames;
    INVALID(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    run.frames = NULL;
    run.finish = 4;
    INVALID(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    run.finish = TP_FINISH_DEFAULT;
    for (int i = 0; i < wrong_enum_count; i++) {
        run.centring = wrong_enums[i];
        INVALID(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    }
    run.centring = TP_CENTRING_DEFAULT;
    run.reserved = 1;
    INVALID(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    run.reserved = 0;
    MUST(tp_frame_config_init(&frames, sizeof frames));
    run.frames = &frames;
    run.centring = TP_CENTRING_OFF;
    INVALID(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    run.frames = NULL;
    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    run.teleport = &teleport;
    run.centring = TP_CENTRING_ON;
    EXPECT(TP_ERROR_UNSUPPORTED, tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    MUST(tp_frame_config_init(&frames, sizeof frames));
    frames.kind = TP_FRAME_ROTATE;
    EXPECT(TP_ERROR_UNSUPPORTED, tp_trainer_set_frames(trainer, &frames));
    EXPECT(TP_ERROR_UNSUPPORTED, tp_trainer_averaged_model(&made, trainer));

    MUST(tp_teleport_config_init(&teleport, sizeof teleport));
    teleport.group = TP_GROUP_FRAME;
    EXPECT(TP_ERROR_UNSUPPORTED, tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, &teleport, NULL));
    EXPECT(TP_ERROR_UNSUPPORTED, tp_model_check_teleport(model, &teleport));
    MUST(tp_frame_config_init(&frames, sizeof frames));
    tp_frame_report report;
    MUST(tp_frame_report_init(&report, sizeof report));
    EXPECT(TP_ERROR_BAD_STATE, tp_trainer_frame_report(trainer, 0, &report));
    EXPECT(TP_OK, tp_trainer_set_frames(trainer, &frames));
    EXPECT(TP_OK, tp_trainer_frame_report(trainer, 0, &report));
    EXPECT(TP_ERROR_INVALID_ARGUMENT, tp_trainer_frame_report(trainer, -1, &report));
    EXPECT(TP_ERROR_INVALID_ARGUMENT, tp_trainer_frame_report(trainer, INT32_MAX, &report));
    EXPECT(TP_ERROR_UNSUPPORTED, tp_trainer_teleport(trainer, &batch, NULL, NULL));
    EXPECT(TP_OK, tp_trainer_set_frames(trainer, NULL));

    MUST(tp_optimizer_config_init(&optimizer, sizeof optimizer));
    optimizer.optimizer = TP_OPTIMIZER_MOMENTUM;
    optimizer.average = TP_AVERAGE_SCHEDULE_FREE;
    EXPECT(TP_ERROR_UNSUPPORTED, tp_trainer_create(&free_trainer, model, TP_LOSS_CROSS_ENTROPY, &optimizer));
    CHECK(free_trainer == NULL && made == NULL);
}

static void check_class_weights(void) {
    tp_run_config run;
    float factors[4] = {1, 1, 1, 1};
    tp_dataset *targets = NULL;

    MUST(tp_run_config_init(&run, sizeof run));
    run.class_weights = factors;
    MISMATCH(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    run.class_weight_count = 2;
    MISMATCH(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    run.class_weight_count = 4;
    MISMATCH(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    run.class_weight_count = SIZE_MAX;
    INVALID(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    run.class_weight_count = 3;
    for (int i = 0; i < wrong_double_count; i++) {
        factors[1] = (float)wrong_doubles[i];
        WRONG_NUMBER(i, tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    }
    factors[0] = factors[1] = factors[2] = 0;
    INVALID(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    run.balance_classes = 1;
    INVALID(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    MUST(tp_run_config_init(&run, sizeof run));
    run.balance_classes = 1;
    MUST(tp_dataset_from_targets(&targets, fixture_x, input_width, fixture_targets, output_width, sample_count));
    tp_trainer *squared = NULL;
    MUST(tp_trainer_create(&squared, model, TP_LOSS_MEAN_SQUARED_ERROR, NULL));
    EXPECT(TP_ERROR_UNSUPPORTED, tp_trainer_run(squared, targets, NULL, &run, NULL, NULL));
    tp_trainer_free(squared);
    tp_dataset_free(targets);
}

static void check_sample_weights(void) {
    static float weights[sample_count];
    tp_dataset *made = NULL;

    for (int i = 0; i < sample_count; i++) weights[i] = 1;
    MISMATCH(tp_dataset_with_weights(&made, dataset, weights, sample_count - 1));
    MISMATCH(tp_dataset_with_weights(&made, dataset, weights, SIZE_MAX));
    for (int i = 0; i < wrong_double_count; i++) {
        weights[7] = (float)wrong_doubles[i];
        WRONG_NUMBER(i, tp_dataset_with_weights(&made, dataset, weights, sample_count));
    }
    for (int i = 0; i < sample_count; i++) weights[i] = 0;
    INVALID(tp_dataset_with_weights(&made, dataset, weights, sample_count));
    CHECK(made == NULL);
    for (int i = 0; i < wrong_count_count; i++) {
        REFUSED(tp_dataset_get_weights(dataset, wrong_counts[i], 1, weights, sample_count));
        REFUSED(tp_dataset_get_weights(dataset, 0, wrong_counts[i], weights, sample_count));
    }
    TOO_SMALL(tp_dataset_get_weights(dataset, 0, 4, weights, 3));
    CHECK(weights[0] == 0);
}

static void check_training(void) {
    static const int32_t wrong_counts_32[] = {-2, -1, INT32_MIN}; /* 0: the default */
    tp_optimizer_config optimizer;
    tp_run_config run;
    tp_trainer *made = NULL;
    double loss = 77;
    static float gradient[120];
    static const int32_t negative_epoch[] = {-1};

    for (int i = 0; i < wrong_enum_count; i++) {
        MUST(tp_optimizer_config_init(&optimizer, sizeof optimizer));
        optimizer.optimizer = wrong_enums[i];
        INVALID(tp_trainer_create(&made, model, TP_LOSS_CROSS_ENTROPY, &optimizer));
        MUST(tp_optimizer_config_init(&optimizer, sizeof optimizer));
        optimizer.reserved = wrong_enums[i];
        INVALID(tp_trainer_create(&made, model, TP_LOSS_CROSS_ENTROPY, &optimizer));
        MUST(tp_optimizer_config_init(&optimizer, sizeof optimizer));
        optimizer.average = wrong_enums[i];
        INVALID(tp_trainer_create(&made, model, TP_LOSS_CROSS_ENTROPY, &optimizer));
        tp_frame_config frames;
        MUST(tp_frame_config_init(&frames, sizeof frames));
        frames.kind = wrong_enums[i];
        INVALID(tp_trainer_set_frames(trainer, &frames));
        MUST(tp_frame_config_init(&frames, sizeof frames));
        frames.input = wrong_enums[i];
        INVALID(tp_trainer_set_frames(trainer, &frames));
    }
    check_frames();
    for (int i = 0; i < wrong_double_count; i++) {
        MUST(tp_optimizer_config_init(&optimizer, sizeof optimizer));
        optimizer.learning_rate = wrong_doubles[i];
        WRONG_NUMBER(i, tp_trainer_create(&made, model, TP_LOSS_CROSS_ENTROPY, &optimizer));
        WRONG_NUMBER(i, tp_trainer_set_learning_rate(trainer, wrong_doubles[i]));
    }
    CHECK(made == NULL);
    CHECK(tp_trainer_learning_rate(trainer) == 0.01);

    tp_batch wrong = batch;
    wrong.x_width = 5;
    MISMATCH(tp_trainer_step(trainer, &wrong, &loss));
    wrong = fixture_target_batch();
    REFUSED(tp_trainer_step(trainer, &wrong, &loss));
    static float x[sample_count * input_width];
    memcpy(x, fixture_x, sizeof x);
    x[17] = NAN;
    wrong = batch;
    wrong.x = x;
    NOT_FINITE(tp_trainer_step(trainer, &wrong, &loss));
    CHECK(loss == 77);
    static float product[120];
    MUST(tp_optimizer_config_init(&optimizer, sizeof optimizer));
    optimizer.label_smoothing = 1;
    INVALID(tp_trainer_create(&made, model, TP_LOSS_CROSS_ENTROPY, &optimizer));
    optimizer.label_smoothing = 0.1;
    EXPECT(TP_ERROR_UNSUPPORTED, tp_trainer_create(&made, model, TP_LOSS_MEAN_SQUARED_ERROR, &optimizer));
    TOO_SMALL(tp_trainer_gradient(trainer, &batch, gradient, 118, &loss));
    MISMATCH(tp_trainer_hessian_vector_product(trainer, &batch, gradient, 118, product, 119));
    TOO_SMALL(tp_trainer_hessian_vector_product(trainer, &batch, gradient, 119, product, 118));
    wrong.x_width = 5;
    MISMATCH(tp_trainer_loss(trainer, &wrong, &loss));
    CHECK(loss == 77);
    MISMATCH(tp_trainer_apply_gradient(trainer, gradient, 118));
    MISMATCH(tp_trainer_apply_gradient(trainer, gradient, 120));
    gradient[118] = NAN;
    NOT_FINITE(tp_trainer_apply_gradient(trainer, gradient, 119));
    for (int i = 0; i < wrong_double_count; i++) {
#define WRONG_OPTIMIZER(field)                                                                  \
    do {                                                                                        \
        MUST(tp_optimizer_config_init(&optimizer, sizeof optimizer));                           \
        optimizer.field = i == 3 ? -2 : wrong_doubles[i];                                       \
        WRONG_NUMBER(i, tp_trainer_create(&made, model, TP_LOSS_CROSS_ENTROPY, &optimizer));    \
    } while (0)
        tp_schedule_config schedule;
        WRONG_OPTIMIZER(momentum);
        WRONG_OPTIMIZER(beta1);
        WRONG_OPTIMIZER(beta2);
        WRONG_OPTIMIZER(alpha);
        WRONG_OPTIMIZER(epsilon);
        WRONG_OPTIMIZER(weight_decay);
        WRONG_OPTIMIZER(clip_norm);
        WRONG_OPTIMIZER(initial_radius);
        WRONG_OPTIMIZER(label_smoothing);
        MUST(tp_schedule_config_init(&schedule, sizeof schedule));
        schedule.schedule = TP_SCHEDULE_STEP;
        schedule.factor = wrong_doubles[i];
        WRONG_NUMBER(i, tp_trainer_set_schedule(trainer, &schedule));
        MUST(tp_schedule_config_init(&schedule, sizeof schedule));
        schedule.schedule = TP_SCHEDULE_COSINE;
        schedule.floor = wrong_doubles[i];
        WRONG_NUMBER(i, tp_trainer_set_schedule(trainer, &schedule));
        MUST(tp_schedule_config_init(&schedule, sizeof schedule));
        schedule.schedule = wrong_enums[i];
        INVALID(tp_trainer_set_schedule(trainer, &schedule));
        MUST(tp_schedule_config_init(&schedule, sizeof schedule));
        schedule.interval = -1 - i;
        INVALID(tp_trainer_set_schedule(trainer, &schedule));
        MUST(tp_schedule_config_init(&schedule, sizeof schedule));
        schedule.warmup_steps = -1 - i;
        INVALID(tp_trainer_set_schedule(trainer, &schedule));
        MUST(tp_schedule_config_init(&schedule, sizeof schedule));
        schedule.reserved = 1;
        INVALID(tp_trainer_set_schedule(trainer, &schedule));
    }
    EXPECT(TP_ERROR_BAD_STATE, tp_trainer_undo_teleport(trainer));
    /* Requests do not add up, and are answered once. */
    MUST(tp_run_config_init(&run, sizeof run));
    tp_trainer_request_stop(trainer);
    tp_trainer_request_stop(trainer);
    EXPECT(TP_STOPPED, tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));

#define WRONG_RUN(field, value)                                                    \
    do {                                                                           \
        MUST(tp_run_config_init(&run, sizeof run));                                \
        run.field = (value);                                                       \
        INVALID(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));         \
    } while (0)
    for (int i = 0; i < 3; i++) {
        WRONG_RUN(epochs, wrong_counts_32[i]);
        WRONG_RUN(batch_size, wrong_counts_32[i]);
        WRONG_RUN(teleports_per_epoch, wrong_counts_32[i]);
        WRONG_RUN(teleport_samples, wrong_counts_32[i]);
        WRONG_RUN(watch_steps, wrong_counts_32[i]);
        WRONG_RUN(patience, wrong_counts_32[i]);
        if (wrong_counts_32[i] < -1) WRONG_RUN(progress_interval, wrong_counts_32[i]);
    }
    for (int i = 0; i < wrong_enum_count; i++) {
        WRONG_RUN(shuffle, wrong_enums[i]);
        WRONG_RUN(drop_last, wrong_enums[i]);
        WRONG_RUN(balance_classes, wrong_enums[i]);
    }
    check_class_weights();
    WRONG_RUN(min_delta, 0.5); /* without patience */
    for (int i = 0; i < wrong_double_count; i++) {
        MUST(tp_run_config_init(&run, sizeof run));
        run.patience = 2;
        run.min_delta = wrong_doubles[i];
        WRONG_NUMBER(i, tp_trainer_run(trainer, dataset, dataset, &run, NULL, NULL));
    }
    MUST(tp_run_config_init(&run, sizeof run));
    tp_run_result result = {.struct_size = 3};
    run.result = &result;
    INVALID(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    MUST(tp_run_config_init(&run, sizeof run));
    run.teleport_epochs = negative_epoch;
    run.teleport_epoch_count = 1;
    INVALID(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    tp_teleport_config config;
    MUST(tp_teleport_config_init(&config, sizeof config));
    config.radius = -1;
    MUST(tp_run_config_init(&run, sizeof run));
    run.teleport = &config;
    INVALID(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    CHECK_EQUAL(tp_trainer_step_count(trainer), 0);
    CHECK_EQUAL(tp_trainer_epoch(trainer), 0);
}

static void check_linear_and_plane(void) {
    float g[65] = {0}, product[120], v[120] = {0};
    double slopes[89], phi = 77, xy[2] = {-1, -1}, trajectory[8];
    tp_plane_function function;
    tp_plane_config config;

    for (int i = 0; i < 8; i++) g[9 * i] = 1;
    MISMATCH(tp_model_apply_linear(model, 0, g, 63, &batch));
    MISMATCH(tp_model_apply_linear(model, 0, g, 65, &batch));
    INVALID(tp_model_apply_linear(model, -1, g, 64, &batch));
    INVALID(tp_model_apply_linear(model, 2, g, 9, &batch));
    g[9] = NAN;
    NOT_FINITE(tp_model_apply_linear(model, 0, g, 64, &batch));
    g[9] = 0; /* no inverse */
    EXPECT(TP_ERROR_LINEAR_ALGEBRA, tp_model_apply_linear(model, 0, g, 64, &batch));
    TOO_SMALL(tp_model_linear_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, &phi, slopes, 88));
    MISMATCH(tp_model_hessian_vector_product(model, &batch, TP_LOSS_CROSS_ENTROPY, v, 118, product, 120));
    MISMATCH(tp_model_hessian_vector_product(model, &batch, TP_LOSS_CROSS_ENTROPY, v, 120, product, 120));
    TOO_SMALL(tp_model_hessian_vector_product(model, &batch, TP_LOSS_CROSS_ENTROPY, v, 119, product, 118));
    CHECK(phi == 77);

    MUST(tp_plane_function_init(&function, sizeof function));
    MUST(tp_plane_rosenbrock(&function));
#define WRONG_PLANE(field, value)                                                       \
    do {                                                                                \
        MUST(tp_plane_config_init(&config, sizeof config));                             \
        config.field = (value);                                                         \
        INVALID(tp_plane_descend(&function, xy, &config, NULL, 0, NULL, 0));            \
    } while (0)
    WRONG_PLANE(steps, -1);
    WRONG_PLANE(steps, INT32_MIN);
    WRONG_PLANE(theta_steps, -1);
    for (int i = 0; i < wrong_double_count; i++) {
#define WRONG_PLANE_DOUBLE(field)                                                       \
    do {                                                                                \
        MUST(tp_plane_config_init(&config, sizeof config));                             \
        config.field = wrong_doubles[i];                                                \
        WRONG_NUMBER(i, tp_plane_descend(&function, xy, &config, NULL, 0, NULL, 0));    \
    } while (0)
        WRONG_PLANE_DOUBLE(learning_rate);
        WRONG_PLANE_DOUBLE(loss_tolerance);
        WRONG_PLANE_DOUBLE(theta_learning_rate);
    }
    MUST(tp_plane_config_init(&config, sizeof config));
    config.steps = 4;
    TOO_SMALL(tp_plane_descend(&function, xy, &config, trajectory, 8, NULL, 0));
    TOO_SMALL(tp_plane_descend(&function, xy, &config, NULL, 0, trajectory, 4));
    for (int i = 0; i < 3; i++) {
        double wrong[2] = {0, wrong_doubles[i]};
        NOT_FINITE(tp_plane_descend(&function, wrong, &config, NULL, 0, NULL, 0));
        NOT_FINITE(tp_plane_teleport(&function, wrong, 0, NULL, NULL));
        NOT_FINITE(tp_plane_teleport(&function, xy, wrong_doubles[i], NULL, NULL));
    }
    CHECK(xy[0] == -1 && xy[1] == -1);
}

/* ---- data sets ------------------------------------------------------------------------------------------- */

static tp_status from_pixels(const int32_t *shape, int64_t count, const int32_t *labels,
                             const tp_image_config *config) {
    static const uint8_t pixels[64];
    tp_dataset *made = NULL;
    tp_status status = tp_dataset_from_pixels(&made, pixels, shape, labels, count, config);
    CHECK((made != NULL) == (status == TP_OK));
    tp_dataset_free(made);
    return status;
}

/* Changes of images, and samples at indices that are not there. */
static void check_parts(void) {
    static const uint8_t pixels[] = {1, 2, 3, 4, 5, 6};
    static const int32_t shape[] = {1, 2, 3};
    static const int64_t first = 0;
    tp_dataset *images = NULL, *made = NULL;
    tp_augment_config config;
    tp_run_config run;
    float x[32];
    int32_t labels[8];
    int64_t counts[8];
    char text[8] = "kept";
    size_t length;

    MUST(tp_dataset_from_pixels(&images, pixels, shape, NULL, 1, NULL));
    MUST(tp_augment_config_init(&config, sizeof config));
    EXPECT(TP_ERROR_UNSUPPORTED, tp_dataset_gather(dataset, &first, 1, &config, x, 32, NULL, 0));
    MUST(tp_run_config_init(&run, sizeof run));
    run.augment = &config;
    EXPECT(TP_ERROR_UNSUPPORTED, tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
#define WRONG_CHANGE(status, field, value)                                             \
    do {                                                                               \
        MUST(tp_augment_config_init(&config, sizeof config));                          \
        config.field = (value);                                                        \
        EXPECT(status, tp_dataset_gather(images, &first, 1, &config, x, 32, NULL, 0)); \
        CHECK_NAMES(tp_error_message(), #field);                                       \
    } while (0)
    for (int i = 0; i < wrong_double_count; i++) {
        const tp_status status = i < 3 ? TP_ERROR_NOT_FINITE : TP_ERROR_INVALID_ARGUMENT;
        WRONG_CHANGE(status, flip, wrong_doubles[i]);
        WRONG_CHANGE(status, flip_vertical, wrong_doubles[i]);
        WRONG_CHANGE(status, crop, wrong_doubles[i]);
        WRONG_CHANGE(status, stretch, wrong_doubles[i]);
    }
    for (int i = 0; i < wrong_enum_count; i++) {
        WRONG_CHANGE(TP_ERROR_INVALID_ARGUMENT, shift, wrong_enums[i]);
        WRONG_CHANGE(TP_ERROR_INVALID_ARGUMENT, reserved, wrong_enums[i]);
    }
    WRONG_CHANGE(TP_ERROR_INVALID_ARGUMENT, flip, 1.1);
    WRONG_CHANGE(TP_ERROR_INVALID_ARGUMENT, crop, 1.1);
    WRONG_CHANGE(TP_ERROR_INVALID_ARGUMENT, stretch, 0.9);
    WRONG_CHANGE(TP_ERROR_INVALID_ARGUMENT, stretch, 1e300);
    WRONG_CHANGE(TP_ERROR_INVALID_ARGUMENT, shift, 2); /* two rows */
    WRONG_CHANGE(TP_ERROR_INVALID_ARGUMENT, epoch, -1);

    for (int i = 0; i < wrong_count_count; i++) {
        INVALID(tp_dataset_subset(&made, dataset, &wrong_counts[i], 1));
        INVALID(tp_dataset_gather(dataset, &wrong_counts[i], 1, NULL, x, 32, labels, 8));
        INVALID(tp_dataset_shuffled(&made, dataset, wrong_counts[i], 0));
        if (wrong_counts[i] > 0 && wrong_counts[i] < INT64_MAX) continue;
        REFUSED(tp_dataset_subset(&made, dataset, &first, wrong_counts[i]));
        REFUSED(tp_dataset_gather(dataset, &first, wrong_counts[i], NULL, x, 32, labels, 8));
        REFUSED(tp_dataset_gather_targets(dataset, &first, wrong_counts[i], x, 32));
    }
    INVALID(tp_dataset_subset(&made, dataset, &first, 0));
    CHECK(!made);
    TOO_SMALL(tp_dataset_gather(dataset, &first, 1, NULL, x, 5, NULL, 0));
    TOO_SMALL(tp_dataset_gather(dataset, &first, 1, NULL, x, 32, labels, 0));
    INVALID(tp_dataset_gather(images, &first, 1, NULL, x, 32, labels, 8));
    INVALID(tp_dataset_gather_targets(dataset, &first, 1, x, 32));
    EXPECT(TP_ERROR_UNSUPPORTED, tp_dataset_channel_statistics(dataset, x, x + 4, 4));
    EXPECT(TP_ERROR_UNSUPPORTED, tp_dataset_normalized(&made, dataset, NULL));
    EXPECT(TP_ERROR_UNSUPPORTED, tp_dataset_normalized(&made, images, dataset));
    TOO_SMALL(tp_dataset_channel_statistics(images, x, x + 4, 0));
    EXPECT(TP_ERROR_UNSUPPORTED, tp_dataset_normalization(dataset, x, x + 4, 4));
    TOO_SMALL(tp_dataset_normalization(images, x, x + 4, 0));
    TOO_SMALL(tp_dataset_class_counts(dataset, counts, 2));
    TOO_SMALL(tp_dataset_summary(dataset, text, sizeof text, &length));
    CHECK(!strcmp(text, "kept") && length > 20);
    tp_dataset_free(images);
}

static void check_datasets(void) {
    tp_dataset *made = NULL, *second = NULL;
    tp_image_config config;
    static const int32_t shape[] = {1, 2, 2};
    static const int32_t negative[] = {-1, 0, 0, 0}, large[] = {0, 1, 2, 5};
    float values[32];
    int32_t labels[8];
    const char *path = "kept", *reason = "kept";

    for (int i = 0; i < wrong_count_count; i++) {
        /* Arrays hold what is said of them: of positive sizes, only those that cannot be. */
        if (wrong_counts[i] > 0 && wrong_counts[i] < INT64_MAX) continue;
        REFUSED(tp_dataset_from_labels(&made, fixture_x, wrong_counts[i], fixture_labels, 4, 0));
        REFUSED(tp_dataset_from_targets(&made, fixture_x, wrong_counts[i], fixture_targets, 3, 4));
        REFUSED(tp_dataset_from_targets(&made, fixture_x, 2, fixture_targets, wrong_counts[i], 4));
        if (wrong_counts[i] < 0) {
            INVALID(tp_dataset_from_labels(&made, fixture_x, input_width, fixture_labels, wrong_counts[i], 0));
            INVALID(from_pixels(shape, wrong_counts[i], NULL, NULL));
        }
    }
    REFUSED(tp_dataset_from_labels(&made, fixture_x, 0, fixture_labels, 4, 0));
    REFUSED(tp_dataset_from_labels(&made, fixture_x, input_width, fixture_labels, 0, 0));
    REFUSED(tp_dataset_from_labels(&made, fixture_x, input_width, negative, 4, 0));
    REFUSED(tp_dataset_from_labels(&made, fixture_x, input_width, large, 4, 5));
    REFUSED(tp_dataset_from_labels(&made, fixture_x, input_width, fixture_labels, 4, -1));
    float with_nan[] = {0, NAN, 1, 2};
    NOT_FINITE(tp_dataset_from_labels(&made, with_nan, 1, fixture_labels, 4, 3));
    NOT_FINITE(tp_dataset_from_targets(&made, with_nan, 1, fixture_targets, 1, 4));
    NOT_FINITE(tp_dataset_from_targets(&made, fixture_x, 1, with_nan, 1, 4));

    for (int i = 0; i < 3; i++) {
        int32_t wrong[] = {1, 2, 2};
        static const int32_t values_32[] = {0, -1, INT32_MIN};
        for (int j = 0; j < 3; j++) {
            wrong[i] = values_32[j];
            REFUSED(from_pixels(wrong, 1, NULL, NULL));
        }
    }
    static const int32_t five_channels[] = {5, 2, 2}, huge[] = {4, INT32_MAX, INT32_MAX};
    REFUSED(from_pixels(five_channels, 1, NULL, NULL));
    REFUSED(from_pixels(huge, INT64_MAX, NULL, NULL));
    REFUSED(from_pixels(shape, 1, negative, NULL));
    for (int i = 0; i < wrong_double_count; i++) {
        MUST(tp_image_config_init(&config, sizeof config));
        config.std[0] = (float)wrong_doubles[i];
        WRONG_NUMBER(i, from_pixels(shape, 1, NULL, &config));
        if (i == 3) break; /* a mean may be negative */
        MUST(tp_image_config_init(&config, sizeof config));
        config.mean[0] = (float)wrong_doubles[i];
        NOT_FINITE(from_pixels(shape, 1, NULL, &config));
    }

    /* Image configs, on a folder that is there: the config is looked at first. */
#define WRONG_IMAGE(field, value)                                                     \
    do {                                                                              \
        MUST(tp_image_config_init(&config, sizeof config));                           \
        config.field = (value);                                                       \
        INVALID(tp_dataset_from_image_folder(&made, "/proc/self", &config, NULL, NULL)); \
    } while (0)
    for (int i = 0; i < wrong_enum_count; i++) {
        WRONG_IMAGE(channels, wrong_enums[i]);
        WRONG_IMAGE(resampling, wrong_enums[i]);
        WRONG_IMAGE(bad_image, wrong_enums[i]);
        WRONG_IMAGE(allow_empty_classes, wrong_enums[i]);
        WRONG_IMAGE(flat, wrong_enums[i]);
        WRONG_IMAGE(nested_classes, wrong_enums[i]);
        WRONG_IMAGE(reserved, wrong_enums[i]);
        WRONG_IMAGE(keep, wrong_enums[i]);
        WRONG_IMAGE(normalize, wrong_enums[i]);
        if (wrong_enums[i] != 99) WRONG_IMAGE(background[1], wrong_enums[i]);
    }
    WRONG_IMAGE(channels, 2);
    WRONG_IMAGE(background[2], 256);
    WRONG_IMAGE(height, 8); /* without a width */
    WRONG_IMAGE(width, 8);
    WRONG_IMAGE(height, -1);
    WRONG_IMAGE(max_width, -1);
    WRONG_IMAGE(max_height, -1);
    WRONG_IMAGE(max_pixels, -1);
    WRONG_IMAGE(max_chunk_bytes, -1);
    WRONG_IMAGE(keep_bytes, -1);
    WRONG_IMAGE(keep_bytes, INT64_MIN);
    EXPECT(TP_ERROR_NOT_FOUND, tp_dataset_from_image_folder(&made, "/no/such/folder", NULL, NULL, NULL));
    CHECK_NAMES(tp_error_message(), "/no/such/folder");
    EXPECT(TP_ERROR_NOT_FOUND, tp_dataset_from_idx(&made, "/no/such/file", NULL, NULL));
    CHECK_NAMES(tp_error_message(), "/no/such/file");
    REFUSED(tp_dataset_from_image_folder(&made, "", NULL, NULL, NULL));
    REFUSED(tp_dataset_from_image_folder(&made, "/proc/self/exe", NULL, NULL, NULL));
    static const char *const paths[] = {"/no/such/file.png"};
    REFUSED(tp_dataset_from_image_files(&made, paths, 1, NULL, NULL, NULL));
    REFUSED(tp_dataset_from_image_files(&made, paths, 0, NULL, NULL, NULL));

    static const double wrong_fractions[] = {0, 1, -0.5, 1.5, NAN, INFINITY};
    for (int i = 0; i < 6; i++) {
        if (wrong_fractions[i] == 0 || wrong_fractions[i] == 1) continue; /* at least one and not all */
        EXPECT(i < 4 ? TP_ERROR_INVALID_ARGUMENT : TP_ERROR_NOT_FINITE,
               tp_dataset_split(&made, &second, dataset, wrong_fractions[i], 0, 0));
    }
    for (int i = 0; i < wrong_enum_count; i++) {
        REFUSED(tp_dataset_split(&made, &second, dataset, 0.5, wrong_enums[i], 0));
    }
    CHECK(made == NULL && second == NULL);

    for (int i = 0; i < wrong_count_count; i++) {
        REFUSED(tp_dataset_get(dataset, wrong_counts[i], 1, values, 32, labels, 8));
        REFUSED(tp_dataset_get(dataset, 0, wrong_counts[i], values, 32, labels, 8));
        REFUSED(tp_dataset_get(dataset, 1, wrong_counts[i], NULL, 0, NULL, 0));
        REFUSED(tp_dataset_skipped(dataset, wrong_counts[i], &path, &reason));
        CHECK(tp_dataset_sample_path(dataset, wrong_counts[i]) == NULL);
    }
    REFUSED(tp_dataset_get(dataset, sample_count, 1, values, 32, NULL, 0));
    TOO_SMALL(tp_dataset_get(dataset, 0, 4, values, 23, NULL, 0));
    TOO_SMALL(tp_dataset_get(dataset, 0, 4, values, 32, labels, 3));
    CHECK(tp_dataset_class_name(dataset, -1) == NULL);
    CHECK(tp_dataset_class_name(dataset, INT32_MAX) == NULL);
    CHECK(!strcmp(path, "kept") && !strcmp(reason, "kept"));

    int32_t image_shape[3] = {77, 77, 77};
    EXPECT(TP_ERROR_NOT_FOUND, tp_image_load("/no/such/file.png", NULL, NULL, 0, image_shape));
    CHECK_EQUAL(image_shape[0], 77);
}

int main(void) {
    /* What the library prints would land here. */
    FILE *printed = tmpfile();
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    if (!printed || out < 0 || err < 0) return 2;

    fixture_fill();
    batch = fixture_batch();
    model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    sigmoid = fixture_model(TP_ACTIVATION_SIGMOID);
    dataset = fixture_dataset();
    tp_model *trained = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    trainer = fixture_trainer(trained);
    float *before = fixture_parameters(model);

    fflush(stdout);
    dup2(fileno(printed), STDOUT_FILENO);
    dup2(fileno(printed), STDERR_FILENO);
    check_strings();
    check_threads();
    check_create();
    check_layers();
    check_graphs();
    check_metadata();
    check_predict();
    check_batches();
    check_measuring();
    check_teleport_config();
    check_training();
    check_sample_weights();
    check_linear_and_plane();
    check_datasets();
    check_parts();
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);

    long failed = check_failed, size = lseek(fileno(printed), 0, SEEK_END);
    rewind(printed);
    for (int c; (c = getc(printed)) != EOF;) putchar(c);
    fclose(printed);
    CHECK(failed > 0 || size == 0); /* failed checks print as well */
    CHECK(fixture_equals(model, before));
    CHECK(fixture_equals(trained, before));

    free(before);
    tp_trainer_free(trainer);
    tp_model_free(trained);
    tp_dataset_free(dataset);
    tp_model_free(sigmoid);
    tp_model_free(model);
    return check_finish();
}
