/* Every function with NULL in every place: required pointers are refused with a sentence and nothing changes,
 * optional ones are taken. */
#include <math.h>

#include "check.h"
#include "fixture.h"

#define REFUSED(call)                                        \
    do {                                                     \
        CHECK_EQUAL((call), TP_ERROR_INVALID_ARGUMENT);      \
        CHECK(strlen(tp_error_message()) > 6);              \
    } while (0)
#define TAKEN(call) CHECK_EQUAL((call), TP_OK)

static tp_model *model;
static tp_dataset *dataset;
static tp_trainer *trainer;
static tp_batch batch;

static void check_frees(void) {
    tp_model_free(NULL);
    tp_dataset_free(NULL);
    tp_trainer_free(NULL);
    CHECK(1);
}

static void check_inits(void) {
    REFUSED(tp_model_config_init(NULL, sizeof(tp_model_config)));
    REFUSED(tp_image_config_init(NULL, sizeof(tp_image_config)));
    REFUSED(tp_metrics_init(NULL, sizeof(tp_metrics)));
    REFUSED(tp_teleport_config_init(NULL, sizeof(tp_teleport_config)));
    REFUSED(tp_teleport_report_init(NULL, sizeof(tp_teleport_report)));
    REFUSED(tp_optimizer_config_init(NULL, sizeof(tp_optimizer_config)));
    REFUSED(tp_run_config_init(NULL, sizeof(tp_run_config)));
    REFUSED(tp_run_result_init(NULL, sizeof(tp_run_result)));
    REFUSED(tp_schedule_config_init(NULL, sizeof(tp_schedule_config)));
    REFUSED(tp_frame_config_init(NULL, sizeof(tp_frame_config)));
    REFUSED(tp_augment_config_init(NULL, sizeof(tp_augment_config)));
    REFUSED(tp_frame_report_init(NULL, sizeof(tp_frame_report)));
    REFUSED(tp_plane_function_init(NULL, sizeof(tp_plane_function)));
    REFUSED(tp_plane_config_init(NULL, sizeof(tp_plane_config)));
    REFUSED(tp_plane_report_init(NULL, sizeof(tp_plane_report)));
}

static void check_models(void) {
    static const int32_t widths[] = {2, 3, 1};
    tp_model *made = NULL;
    tp_model_config config;
    float values[256];
    int32_t numbers[8], labels[4];
    char text[8];
    size_t length = 0;

    MUST(tp_model_config_init(&config, sizeof config));
    REFUSED(tp_model_create_mlp(NULL, widths, 3, NULL));
    REFUSED(tp_model_create_mlp(&made, NULL, 3, NULL));
    CHECK(made == NULL);
    TAKEN(tp_model_create_mlp(&made, widths, 3, NULL));
    tp_model_free(made);
    made = NULL;
    REFUSED(tp_model_clone(NULL, model));
    REFUSED(tp_model_clone(&made, NULL));
    CHECK(made == NULL);

    CHECK_EQUAL(tp_model_layer_count(NULL), 0);
    CHECK_EQUAL(tp_model_parameter_count(NULL), 0);
    REFUSED(tp_model_layer_shape(NULL, 0, &numbers[0], &numbers[1]));
    TAKEN(tp_model_layer_shape(model, 0, NULL, NULL));
    TAKEN(tp_model_layer_shape(model, 0, &numbers[0], NULL));
    CHECK_EQUAL(numbers[0], 8);
    TAKEN(tp_model_layer_shape(model, 0, NULL, &numbers[1]));
    CHECK_EQUAL(numbers[1], 6);
    REFUSED(tp_model_widths(NULL, numbers, 8));
    REFUSED(tp_model_widths(model, NULL, 8));
    REFUSED(tp_model_get_config(NULL, &config));
    REFUSED(tp_model_get_config(model, NULL));

    REFUSED(tp_model_get_layer(NULL, 0, values, 256, NULL, 0));
    REFUSED(tp_model_get_layer(model, 0, NULL, 48, NULL, 0));
    REFUSED(tp_model_get_layer(model, 0, NULL, 0, NULL, 8));
    TAKEN(tp_model_get_layer(model, 0, NULL, 0, NULL, 0));
    TAKEN(tp_model_get_layer(model, 0, values, 256, NULL, 0));
    TAKEN(tp_model_get_layer(model, 0, NULL, 0, values, 256));
    REFUSED(tp_model_set_layer(NULL, 0, values, 48, NULL, 0));
    REFUSED(tp_model_set_layer(model, 0, NULL, 48, NULL, 0));
    REFUSED(tp_model_set_layer(model, 0, NULL, 0, NULL, 8));
    TAKEN(tp_model_set_layer(model, 0, NULL, 0, NULL, 0));
    REFUSED(tp_model_get_parameters(NULL, values, 256));
    REFUSED(tp_model_get_parameters(model, NULL, 256));
    REFUSED(tp_model_set_parameters(NULL, values, 119));
    REFUSED(tp_model_set_parameters(model, NULL, 119));

    REFUSED(tp_model_set_metadata(NULL, "key", "value"));
    REFUSED(tp_model_set_metadata(model, NULL, "value"));
    TAKEN(tp_model_set_metadata(model, "key", "value"));
    REFUSED(tp_model_get_metadata(NULL, "key", text, 8, &length));
    REFUSED(tp_model_get_metadata(model, NULL, text, 8, &length));
    REFUSED(tp_model_get_metadata(model, "key", NULL, 8, &length));
    TAKEN(tp_model_get_metadata(model, "key", text, 8, NULL));
    TAKEN(tp_model_get_metadata(model, "key", NULL, 0, &length));
    CHECK_EQUAL(length, 5);
    REFUSED(tp_model_metadata_key(NULL, 0, text, 8, &length));
    REFUSED(tp_model_metadata_key(model, 0, NULL, 8, &length));
    TAKEN(tp_model_metadata_key(model, 0, text, 8, NULL));
    TAKEN(tp_model_metadata_key(model, 0, NULL, 0, &length));
    CHECK_EQUAL(length, 3);
    CHECK_EQUAL(tp_model_metadata_count(NULL), 0);
    TAKEN(tp_model_set_metadata(model, "key", NULL));
    tp_model *read = (tp_model *)text;
    char file[8192];
    size_t size = 0;
    REFUSED(tp_model_save(NULL, "model"));
    REFUSED(tp_model_save(model, NULL));
    REFUSED(tp_model_load(NULL, "model", NULL));
    REFUSED(tp_model_load(&read, NULL, NULL));
    CHECK(!read);
    REFUSED(tp_model_save_buffer(NULL, file, sizeof file, &size));
    REFUSED(tp_model_save_buffer(model, NULL, sizeof file, &size));
    TAKEN(tp_model_save_buffer(model, file, sizeof file, NULL));
    TAKEN(tp_model_save_buffer(model, NULL, 0, NULL));
    MUST(tp_model_save_buffer(model, file, sizeof file, &size));
    REFUSED(tp_model_load_buffer(NULL, file, size, NULL));
    REFUSED(tp_model_load_buffer(&read, NULL, size, NULL));
    TAKEN(tp_model_load_buffer(&read, file, size, NULL));
    tp_model_free(read);
    CHECK_EQUAL(tp_model_get_metadata(model, "key", text, 8, NULL), TP_ERROR_NOT_FOUND);

    REFUSED(tp_model_predict(NULL, fixture_x, input_width, 4, TP_OUTPUT_RAW, values, 12));
    REFUSED(tp_model_predict(model, NULL, input_width, 4, TP_OUTPUT_RAW, values, 12));
    REFUSED(tp_model_predict(model, fixture_x, input_width, 4, TP_OUTPUT_RAW, NULL, 12));
    TAKEN(tp_model_predict(model, NULL, input_width, 0, TP_OUTPUT_RAW, NULL, 0));
    REFUSED(tp_model_predict_labels(NULL, fixture_x, input_width, 4, labels, 4));
    REFUSED(tp_model_predict_labels(model, NULL, input_width, 4, labels, 4));
    REFUSED(tp_model_predict_labels(model, fixture_x, input_width, 4, NULL, 4));
    TAKEN(tp_model_predict_labels(model, NULL, input_width, 0, NULL, 0));
}

static void check_graphs(void) {
    static const char net[] = "input 6; dense 4; relu; dense 3";
    static const int32_t shape[3] = {6, 1, 1};
    tp_model *made = NULL;
    char text[4096];
    float values[64];
    int32_t sizes[4], rank = 0;
    int64_t variables[8];
    size_t length = 0;

    REFUSED(tp_model_create(NULL, net, NULL));
    REFUSED(tp_model_create(&made, NULL, NULL));
    CHECK(made == NULL);
    TAKEN(tp_model_create(&made, net, NULL));
    REFUSED(tp_architecture(NULL, shape, 3, text, sizeof text, &length));
    REFUSED(tp_architecture("mlp", NULL, 3, text, sizeof text, &length));
    REFUSED(tp_architecture("mlp", shape, 3, NULL, sizeof text, &length));
    TAKEN(tp_architecture("mlp", shape, 3, text, sizeof text, NULL));
    TAKEN(tp_architecture("mlp", shape, 3, NULL, 0, &length));
    CHECK_EQUAL(length, strlen(text));
    REFUSED(tp_model_architecture(NULL, text, sizeof text, &length));
    REFUSED(tp_model_architecture(made, NULL, sizeof text, &length));
    TAKEN(tp_model_architecture(made, text, sizeof text, NULL));
    CHECK(!strcmp(text, net));
    TAKEN(tp_model_architecture(made, NULL, 0, NULL));
    REFUSED(tp_model_summary(NULL, text, sizeof text, &length));
    REFUSED(tp_model_summary(made, NULL, sizeof text, &length));
    TAKEN(tp_model_summary(made, text, sizeof text, NULL));
    CHECK_EQUAL(tp_model_tensor_count(NULL), 0);
    CHECK_EQUAL(tp_model_tensor_count(made), 4);
    REFUSED(tp_model_tensor_name(NULL, 0, text, sizeof text, &length));
    REFUSED(tp_model_tensor_name(made, 0, NULL, sizeof text, &length));
    TAKEN(tp_model_tensor_name(made, 3, text, sizeof text, NULL));
    CHECK(!strcmp(text, "fc2.bias"));
    REFUSED(tp_model_tensor_shape(NULL, "fc1.weight", sizes, 4, &rank));
    REFUSED(tp_model_tensor_shape(made, NULL, sizes, 4, &rank));
    REFUSED(tp_model_tensor_shape(made, "fc1.weight", NULL, 4, &rank));
    TAKEN(tp_model_tensor_shape(made, "fc1.weight", NULL, 0, &rank));
    CHECK_EQUAL(rank, 2);
    TAKEN(tp_model_tensor_shape(made, "fc1.weight", sizes, 4, NULL));
    CHECK(sizes[0] == 4 && sizes[1] == 6);
    REFUSED(tp_model_get_tensor(NULL, "fc1.bias", values, 64));
    REFUSED(tp_model_get_tensor(made, NULL, values, 64));
    REFUSED(tp_model_get_tensor(made, "fc1.bias", NULL, 64));
    TAKEN(tp_model_get_tensor(made, "fc1.bias", values, 64));
    REFUSED(tp_model_set_tensor(NULL, "fc1.bias", values, 4));
    REFUSED(tp_model_set_tensor(made, NULL, values, 4));
    REFUSED(tp_model_set_tensor(made, "fc1.bias", NULL, 4));
    TAKEN(tp_model_set_tensor(made, "fc1.bias", values, 4));
    CHECK_EQUAL(tp_model_scaling_count(NULL), 0);
    CHECK_EQUAL(tp_model_scaling_count(made), 4);
    REFUSED(tp_model_scaling_variables(NULL, 0, variables, 8));
    REFUSED(tp_model_scaling_variables(made, 0, NULL, 8));
    TAKEN(tp_model_scaling_variables(made, 1, variables, 8));
    CHECK(variables[0] == -1 && variables[2] == -1);
    TAKEN(tp_model_scaling_variables(made, 0, variables, 8));
    CHECK(variables[0] == 0 && variables[3] == 3);
    REFUSED(tp_model_load_weights(NULL, "model"));
    REFUSED(tp_model_load_weights(made, NULL));
    tp_model_free(made);
}

static void check_datasets(void) {
    static const uint8_t pixels[4] = {1, 2, 3, 4};
    static const int32_t shape[3] = {1, 2, 2};
    static const char *const paths[] = {NULL};
    tp_dataset *made = NULL, *second = NULL;
    float values[32];
    int32_t numbers[8];
    const char *path = "kept", *reason = "kept";
    tp_image_config config;

    REFUSED(tp_dataset_from_labels(NULL, fixture_x, input_width, fixture_labels, 4, 0));
    REFUSED(tp_dataset_from_labels(&made, NULL, input_width, fixture_labels, 4, 0));
    REFUSED(tp_dataset_from_labels(&made, fixture_x, input_width, NULL, 4, 0));
    REFUSED(tp_dataset_from_targets(NULL, fixture_x, input_width, fixture_targets, 3, 4));
    REFUSED(tp_dataset_from_targets(&made, NULL, input_width, fixture_targets, 3, 4));
    REFUSED(tp_dataset_from_targets(&made, fixture_x, input_width, NULL, 3, 4));
    REFUSED(tp_dataset_from_image_folder(NULL, "/", NULL, NULL, NULL));
    REFUSED(tp_dataset_from_image_folder(&made, NULL, NULL, NULL, NULL));
    REFUSED(tp_dataset_from_image_files(NULL, paths, 1, NULL, NULL, NULL));
    REFUSED(tp_dataset_from_image_files(&made, NULL, 1, NULL, NULL, NULL));
    REFUSED(tp_dataset_from_image_files(&made, paths, 1, NULL, NULL, NULL));
    REFUSED(tp_dataset_from_pixels(NULL, pixels, shape, NULL, 1, NULL));
    REFUSED(tp_dataset_from_pixels(&made, NULL, shape, NULL, 1, NULL));
    REFUSED(tp_dataset_from_pixels(&made, pixels, NULL, NULL, 1, NULL));
    MUST(tp_image_config_init(&config, sizeof config));
    config.class_count = 1;
    REFUSED(tp_dataset_from_pixels(&made, pixels, shape, NULL, 1, &config));
    config.class_names = paths;
    REFUSED(tp_dataset_from_pixels(&made, pixels, shape, NULL, 1, &config));
    REFUSED(tp_dataset_from_idx(NULL, "/nowhere", NULL, NULL));
    REFUSED(tp_dataset_from_idx(&made, NULL, NULL, NULL));
    REFUSED(tp_dataset_split(NULL, &second, dataset, 0.5, 0, 0));
    REFUSED(tp_dataset_split(&made, NULL, dataset, 0.5, 0, 0));
    REFUSED(tp_dataset_split(&made, &second, NULL, 0.5, 0, 0));
    CHECK(made == NULL && second == NULL);
    TAKEN(tp_dataset_from_pixels(&made, pixels, shape, NULL, 1, NULL));
    tp_dataset *images = made;
    static const int64_t indices[] = {3, 0};
    size_t length = 0;
    int64_t counts[3];
    char text[400];
    made = NULL;
    REFUSED(tp_dataset_subset(NULL, dataset, indices, 2));
    REFUSED(tp_dataset_subset(&made, NULL, indices, 2));
    REFUSED(tp_dataset_subset(&made, dataset, NULL, 2));
    REFUSED(tp_dataset_shuffled(NULL, dataset, 2, 0));
    REFUSED(tp_dataset_shuffled(&made, NULL, 2, 0));
    REFUSED(tp_dataset_normalized(NULL, images, NULL));
    REFUSED(tp_dataset_normalized(&made, NULL, images));
    CHECK(made == NULL);
    TAKEN(tp_dataset_normalized(&made, images, NULL));
    tp_dataset_free(made);
    REFUSED(tp_dataset_gather(NULL, indices, 2, NULL, values, 32, NULL, 0));
    REFUSED(tp_dataset_gather(dataset, NULL, 2, NULL, values, 32, NULL, 0));
    REFUSED(tp_dataset_gather(dataset, indices, 2, NULL, NULL, 32, NULL, 0));
    REFUSED(tp_dataset_gather(dataset, indices, 2, NULL, NULL, 0, NULL, 2));
    TAKEN(tp_dataset_gather(dataset, NULL, 0, NULL, NULL, 0, NULL, 0));
    TAKEN(tp_dataset_gather(dataset, indices, 2, NULL, NULL, 0, NULL, 0));
    TAKEN(tp_dataset_gather(dataset, indices, 2, NULL, values, 32, NULL, 0));
    TAKEN(tp_dataset_gather(dataset, indices, 2, NULL, NULL, 0, numbers, 2));
    CHECK_EQUAL(numbers[0], fixture_labels[3]);
    REFUSED(tp_dataset_gather_targets(NULL, indices, 2, values, 32));
    REFUSED(tp_dataset_gather_targets(dataset, indices, 2, NULL, 32));
    REFUSED(tp_dataset_gather_targets(dataset, NULL, 2, values, 32));
    REFUSED(tp_dataset_channel_statistics(NULL, values, values + 4, 4));
    REFUSED(tp_dataset_channel_statistics(images, NULL, values + 4, 4));
    REFUSED(tp_dataset_channel_statistics(images, values, NULL, 4));
    TAKEN(tp_dataset_channel_statistics(images, values, values + 4, 4));
    REFUSED(tp_dataset_normalization(NULL, values, values + 4, 4));
    REFUSED(tp_dataset_normalization(images, NULL, values + 4, 4));
    REFUSED(tp_dataset_normalization(images, values, NULL, 4));
    TAKEN(tp_dataset_normalization(images, values, values + 4, 4));
    CHECK(values[0] == 0 && values[4] == 1);
    REFUSED(tp_dataset_class_counts(NULL, counts, 3));
    REFUSED(tp_dataset_class_counts(dataset, NULL, 3));
    TAKEN(tp_dataset_class_counts(dataset, counts, 3));
    REFUSED(tp_dataset_summary(NULL, text, sizeof text, &length));
    REFUSED(tp_dataset_summary(dataset, NULL, sizeof text, &length));
    TAKEN(tp_dataset_summary(dataset, NULL, 0, &length));
    TAKEN(tp_dataset_summary(dataset, text, length + 1, NULL));
    CHECK_EQUAL(strlen(text), length);
    tp_dataset_free(images);

    CHECK_EQUAL(tp_dataset_count(NULL), 0);
    CHECK_EQUAL(tp_dataset_class_count(NULL), 0);
    CHECK_EQUAL(tp_dataset_target_width(NULL), 0);
    CHECK_EQUAL(tp_dataset_skipped_count(NULL), 0);
    CHECK(tp_dataset_class_name(NULL, 0) == NULL);
    CHECK(tp_dataset_class_name(dataset, 0) == NULL);
    CHECK(tp_dataset_sample_path(NULL, 0) == NULL);
    CHECK(tp_dataset_sample_path(dataset, 0) == NULL);
    REFUSED(tp_dataset_sample_shape(NULL, numbers, numbers + 1, numbers + 2));
    TAKEN(tp_dataset_sample_shape(dataset, NULL, NULL, NULL));
    REFUSED(tp_dataset_get(NULL, 0, 4, values, 32, NULL, 0));
    REFUSED(tp_dataset_get(dataset, 0, 4, NULL, 32, NULL, 0));
    REFUSED(tp_dataset_get(dataset, 0, 4, NULL, 0, NULL, 4));
    TAKEN(tp_dataset_get(dataset, 0, 4, NULL, 0, NULL, 0));
    TAKEN(tp_dataset_get(dataset, 0, 4, values, 32, NULL, 0));
    TAKEN(tp_dataset_get(dataset, 0, 4, NULL, 0, numbers, 8));
    REFUSED(tp_dataset_get_targets(NULL, 0, 4, values, 32));
    REFUSED(tp_dataset_get_targets(dataset, 0, 4, values, 32));
    REFUSED(tp_dataset_with_weights(NULL, dataset, fixture_x, sample_count));
    REFUSED(tp_dataset_with_weights(&made, NULL, fixture_x, sample_count));
    made = NULL;
    CHECK_EQUAL(tp_dataset_with_weights(&made, dataset, NULL, sample_count), TP_ERROR_SHAPE_MISMATCH);
    CHECK(made == NULL);
    TAKEN(tp_dataset_with_weights(&made, dataset, NULL, 0));
    REFUSED(tp_dataset_get_weights(NULL, 0, 4, values, 32));
    REFUSED(tp_dataset_get_weights(made, 0, 4, NULL, 32));
    TAKEN(tp_dataset_get_weights(made, 0, 4, values, 32));
    CHECK(values[0] == 1 && values[3] == 1);
    tp_dataset_free(made);
    REFUSED(tp_dataset_skipped(NULL, 0, &path, &reason));
    REFUSED(tp_dataset_skipped(dataset, 0, &path, &reason));
    CHECK(!strcmp(path, "kept") && !strcmp(reason, "kept"));
    REFUSED(tp_image_load(NULL, NULL, NULL, 0, numbers));
}

static void check_measuring(void) {
    tp_metrics metrics;
    double loss = 77;
    float gradient[256], direction[119] = {0};
    int64_t counts[9];

    MUST(tp_metrics_init(&metrics, sizeof metrics));
    REFUSED(tp_model_loss(NULL, &batch, TP_LOSS_CROSS_ENTROPY, &loss));
    REFUSED(tp_model_loss(model, NULL, TP_LOSS_CROSS_ENTROPY, &loss));
    REFUSED(tp_model_loss(model, &batch, TP_LOSS_CROSS_ENTROPY, NULL));
    REFUSED(tp_model_gradient(NULL, &batch, TP_LOSS_CROSS_ENTROPY, gradient, 256, &loss));
    REFUSED(tp_model_gradient(model, NULL, TP_LOSS_CROSS_ENTROPY, gradient, 256, &loss));
    REFUSED(tp_model_gradient(model, &batch, TP_LOSS_CROSS_ENTROPY, NULL, 256, &loss));
    CHECK(loss == 77);
    TAKEN(tp_model_gradient(model, &batch, TP_LOSS_CROSS_ENTROPY, gradient, 256, NULL));
    REFUSED(tp_model_hessian_vector_product(NULL, &batch, TP_LOSS_CROSS_ENTROPY, direction, 119, gradient, 256));
    REFUSED(tp_model_hessian_vector_product(model, NULL, TP_LOSS_CROSS_ENTROPY, direction, 119, gradient, 256));
    REFUSED(tp_model_hessian_vector_product(model, &batch, TP_LOSS_CROSS_ENTROPY, NULL, 119, gradient, 256));
    REFUSED(tp_model_hessian_vector_product(model, &batch, TP_LOSS_CROSS_ENTROPY, direction, 119, NULL, 256));
    REFUSED(tp_model_evaluate(NULL, dataset, TP_LOSS_CROSS_ENTROPY, &metrics));
    REFUSED(tp_model_evaluate(model, NULL, TP_LOSS_CROSS_ENTROPY, &metrics));
    REFUSED(tp_model_evaluate(model, dataset, TP_LOSS_CROSS_ENTROPY, NULL));
    REFUSED(tp_model_confusion_matrix(NULL, dataset, counts, 9));
    REFUSED(tp_model_confusion_matrix(model, NULL, counts, 9));
    REFUSED(tp_model_confusion_matrix(model, dataset, NULL, 9));
    MUST(tp_model_confusion_matrix(model, dataset, counts, 9));
    REFUSED(tp_confusion_metrics(NULL, 3, NULL, NULL, NULL, 0));
    TAKEN(tp_confusion_metrics(counts, 3, NULL, NULL, NULL, 0));

    tp_batch bad = batch;
    bad.x = NULL;
    REFUSED(tp_model_loss(model, &bad, TP_LOSS_CROSS_ENTROPY, &loss));
    bad = batch;
    bad.labels = NULL;
    REFUSED(tp_model_loss(model, &bad, TP_LOSS_CROSS_ENTROPY, &loss));
    bad = batch;
    bad.targets = fixture_targets;
    bad.target_width = output_width;
    REFUSED(tp_model_loss(model, &bad, TP_LOSS_CROSS_ENTROPY, &loss));
    CHECK(loss == 77);
}

static void check_teleports(void) {
    static const float scale[8] = {1, 2, 1, 2, 1, 2, 1, 2};
    double s[13] = {0}, phi = 77, slope[13];
    tp_teleport_config config;
    tp_teleport_report report;

    MUST(tp_teleport_config_init(&config, sizeof config));
    MUST(tp_teleport_report_init(&report, sizeof report));
    config.search = TP_SEARCH_ASCENT;
    REFUSED(tp_model_check_teleport(NULL, &config));
    TAKEN(tp_model_check_teleport(model, NULL));
    REFUSED(tp_model_teleport(NULL, &batch, TP_LOSS_CROSS_ENTROPY, &config, &report));
    REFUSED(tp_model_teleport(model, NULL, TP_LOSS_CROSS_ENTROPY, &config, &report));
    REFUSED(tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, NULL, &report)); /* no learning rate */
    CHECK_EQUAL(report.outcome, TP_TELEPORT_NONE);
    TAKEN(tp_model_teleport(model, &batch, TP_LOSS_CROSS_ENTROPY, &config, NULL));
    REFUSED(tp_model_apply_scaling(NULL, 0, scale, 8));
    REFUSED(tp_model_apply_scaling(model, 0, NULL, 8));
    REFUSED(tp_model_scaling_gradient_norm(NULL, &batch, TP_LOSS_CROSS_ENTROPY, s, 13, &phi, slope, 13));
    REFUSED(tp_model_scaling_gradient_norm(model, NULL, TP_LOSS_CROSS_ENTROPY, s, 13, &phi, slope, 13));
    REFUSED(tp_model_scaling_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, NULL, 13, &phi, slope, 13));
    REFUSED(tp_model_scaling_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, s, 13, &phi, NULL, 13));
    CHECK(phi == 77);
    TAKEN(tp_model_scaling_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, s, 13, &phi, NULL, 0));

    float g[64] = {0};
    double slopes[64 + 25];
    for (int i = 0; i < 8; i++) g[9 * i] = 1;
    REFUSED(tp_model_apply_linear(NULL, 0, g, 64, &batch));
    REFUSED(tp_model_apply_linear(model, 0, NULL, 64, &batch));
    REFUSED(tp_model_apply_linear(model, 0, g, 64, NULL)); /* IDENTITY alone needs no batch */
    REFUSED(tp_model_linear_gradient_norm(NULL, &batch, TP_LOSS_CROSS_ENTROPY, &phi, slopes, 89));
    REFUSED(tp_model_linear_gradient_norm(model, NULL, TP_LOSS_CROSS_ENTROPY, &phi, slopes, 89));
    REFUSED(tp_model_linear_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, &phi, NULL, 89));
    TAKEN(tp_model_linear_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, NULL, slopes, 89));
    config.perturbation_norm_count = 1;
    REFUSED(tp_model_check_teleport(model, &config));
}

static void check_training(void) {
    tp_trainer *made = NULL;
    tp_model *same = NULL;
    double loss = 77;
    float gradient[119] = {0};
    tp_run_config run;

    REFUSED(tp_trainer_create(NULL, model, TP_LOSS_CROSS_ENTROPY, NULL));
    REFUSED(tp_trainer_create(&made, NULL, TP_LOSS_CROSS_ENTROPY, NULL));
    CHECK(made == NULL);
    REFUSED(tp_trainer_step(NULL, &batch, &loss));
    REFUSED(tp_trainer_step(trainer, NULL, &loss));
    CHECK(loss == 77);
    TAKEN(tp_trainer_step(trainer, &batch, NULL));
    REFUSED(tp_trainer_loss(NULL, &batch, &loss));
    REFUSED(tp_trainer_loss(trainer, NULL, &loss));
    REFUSED(tp_trainer_loss(trainer, &batch, NULL));
    REFUSED(tp_trainer_gradient(NULL, &batch, gradient, 119, &loss));
    REFUSED(tp_trainer_gradient(trainer, NULL, gradient, 119, &loss));
    REFUSED(tp_trainer_gradient(trainer, &batch, NULL, 119, &loss));
    float product[119];
    REFUSED(tp_trainer_hessian_vector_product(NULL, &batch, gradient, 119, product, 119));
    REFUSED(tp_trainer_hessian_vector_product(trainer, NULL, gradient, 119, product, 119));
    REFUSED(tp_trainer_hessian_vector_product(trainer, &batch, NULL, 119, product, 119));
    REFUSED(tp_trainer_hessian_vector_product(trainer, &batch, gradient, 119, NULL, 119));
    CHECK(loss == 77);
    TAKEN(tp_trainer_gradient(trainer, &batch, product, 119, NULL));
    REFUSED(tp_trainer_apply_gradient(NULL, gradient, 119));
    REFUSED(tp_trainer_apply_gradient(trainer, NULL, 119));
    REFUSED(tp_trainer_teleport(NULL, &batch, NULL, NULL));
    REFUSED(tp_trainer_teleport(trainer, NULL, NULL, NULL));
    TAKEN(tp_trainer_teleport(trainer, &batch, NULL, NULL));
    REFUSED(tp_trainer_undo_teleport(NULL));
    REFUSED(tp_trainer_end_epoch(NULL));
    tp_trainer_request_stop(NULL);
    CHECK_EQUAL(tp_trainer_epoch(NULL), 0);
    CHECK_EQUAL(tp_trainer_step_count(NULL), 0);
    CHECK(isnan(tp_trainer_learning_rate(NULL)));
    REFUSED(tp_trainer_set_learning_rate(NULL, 0.1));
    REFUSED(tp_trainer_get_config(NULL, NULL, NULL));
    TAKEN(tp_trainer_get_config(trainer, NULL, NULL));
    REFUSED(tp_trainer_save(NULL, "trainer"));
    REFUSED(tp_trainer_save(trainer, NULL));
    REFUSED(tp_trainer_load(NULL, "trainer"));
    REFUSED(tp_trainer_load(&made, NULL));
    REFUSED(tp_trainer_model(NULL, trainer));
    REFUSED(tp_trainer_model(&same, NULL));
    CHECK(same == NULL);
    REFUSED(tp_trainer_run(NULL, dataset, NULL, NULL, NULL, NULL));
    REFUSED(tp_trainer_run(trainer, NULL, NULL, NULL, NULL, NULL));
    TAKEN(tp_trainer_run(trainer, dataset, NULL, NULL, NULL, NULL));
    TAKEN(tp_trainer_run(trainer, dataset, dataset, NULL, NULL, NULL));
    MUST(tp_run_config_init(&run, sizeof run));
    run.teleport_epoch_count = 1;
    REFUSED(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    MUST(tp_run_config_init(&run, sizeof run));
    run.class_weight_count = 3;
    REFUSED(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    MUST(tp_run_config_init(&run, sizeof run));
    run.patience = 1;
    REFUSED(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
    TAKEN(tp_trainer_run(trainer, dataset, dataset, &run, NULL, NULL));
}

static void check_plane(void) {
    tp_plane_function function, empty;
    tp_plane_config config;
    double xy[2] = {-1, -1};

    MUST(tp_plane_function_init(&function, sizeof function));
    MUST(tp_plane_function_init(&empty, sizeof empty));
    MUST(tp_plane_config_init(&config, sizeof config));
    REFUSED(tp_plane_rosenbrock(NULL));
    REFUSED(tp_plane_booth(NULL));
    MUST(tp_plane_rosenbrock(&function));
    REFUSED(tp_plane_teleport(NULL, xy, 0.5, NULL, NULL));
    REFUSED(tp_plane_teleport(&empty, xy, 0.5, NULL, NULL));
    REFUSED(tp_plane_teleport(&function, NULL, 0.5, NULL, NULL));
    CHECK(xy[0] == -1 && xy[1] == -1);
    TAKEN(tp_plane_teleport(&function, xy, 0.5, NULL, NULL));
    REFUSED(tp_plane_descend(NULL, xy, NULL, NULL, 0, NULL, 0));
    REFUSED(tp_plane_descend(&empty, xy, NULL, NULL, 0, NULL, 0));
    REFUSED(tp_plane_descend(&function, NULL, NULL, NULL, 0, NULL, 0));
    TAKEN(tp_plane_descend(&function, xy, NULL, NULL, 0, NULL, 0));
    REFUSED(tp_plane_descend(&function, xy, NULL, NULL, 2002, NULL, 0));
    REFUSED(tp_plane_descend(&function, xy, NULL, NULL, 0, NULL, 1001));
    config.teleport_step_count = 1;
    REFUSED(tp_plane_descend(&function, xy, &config, NULL, 0, NULL, 0));
    MUST(tp_plane_config_init(&config, sizeof config));
    config.theta_start_count = 1;
    REFUSED(tp_plane_descend(&function, xy, &config, NULL, 0, NULL, 0));
    /* Each required callback in turn. */
    for (int i = 0; i < 4; i++) {
        tp_plane_function lacking = function;
        if (i == 0) lacking.value = NULL;
        if (i == 1) lacking.gradient = NULL;
        if (i == 2) lacking.to_uv = NULL;
        if (i == 3) lacking.from_uv = NULL;
        REFUSED(tp_plane_teleport(&lacking, xy, 0.5, NULL, NULL));
    }
    function.hessian = NULL;
    function.from_uv_jacobian = NULL;
    TAKEN(tp_plane_teleport(&function, xy, 0.5, NULL, NULL));

    tp_schedule_config schedule;
    MUST(tp_schedule_config_init(&schedule, sizeof schedule));
    REFUSED(tp_trainer_set_schedule(NULL, &schedule));
    TAKEN(tp_trainer_set_schedule(trainer, NULL));
    schedule.schedule = TP_SCHEDULE_CALLBACK;
    REFUSED(tp_trainer_set_schedule(trainer, &schedule));

    tp_frame_config frames;
    tp_model *averaged = NULL;
    MUST(tp_frame_config_init(&frames, sizeof frames));
    REFUSED(tp_trainer_set_frames(NULL, &frames));
    TAKEN(tp_trainer_set_frames(trainer, &frames));
    tp_frame_report report;
    MUST(tp_frame_report_init(&report, sizeof report));
    REFUSED(tp_trainer_frame_report(NULL, 0, &report));
    REFUSED(tp_trainer_frame_report(trainer, 0, NULL));
    TAKEN(tp_trainer_set_frames(trainer, NULL));
    REFUSED(tp_trainer_averaged_model(NULL, trainer));
    REFUSED(tp_trainer_averaged_model(&averaged, NULL));
    CHECK(averaged == NULL);
}

int main(void) {
    fixture_fill();
    batch = fixture_batch();
    model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    dataset = fixture_dataset();
    tp_model *trained = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    trainer = fixture_trainer(trained);
    CHECK_EQUAL(tp_model_parameter_count(model), 119);

    check_frees();
    check_inits();
    check_models();
    check_graphs();
    check_datasets();
    check_measuring();
    check_teleports();
    check_training();
    check_plane();

    tp_trainer_free(trainer);
    tp_model_free(trained);
    tp_dataset_free(dataset);
    tp_model_free(model);
    return check_finish();
}
