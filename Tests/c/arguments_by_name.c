/* What a refusal says of an argument: a size is never printed as a negative number, whatever a host passes; what is no
 * number is named with its value and has a status of its own; a result may not lie on what it is computed from. */
#include <math.h>

#include "check.h"
#include "fixture.h"

static tp_model *model;
static tp_batch batch;

/* Refused, and the size is printed as it was passed. */
#define SIZE(status, size, call)                                  \
    do {                                                          \
        char size_text[32];                                       \
        snprintf(size_text, sizeof size_text, "%zu", (size_t)(size)); \
        CHECK_EQUAL((call), (status));                            \
        CHECK_NAMES(tp_error_message(), size_text);               \
        CHECK(!strstr(tp_error_message(), "-1"));                 \
        CHECK(!strstr(tp_error_message(), "-9223"));              \
    } while (0)

static void check_sizes(void) {
    static const size_t sizes[] = {SIZE_MAX, (size_t)1 << 63, ((size_t)1 << 63) + 5};
    static float values[256];
    static double numbers[256];
    static int32_t integers[8];
    static const char *const names[] = {"a"};
    tp_trainer *trainer = fixture_trainer(model);
    tp_dataset *dataset = fixture_dataset(), *made = NULL;
    tp_model *other = NULL;
    for (int i = 0; i < 3; i++) {
        const size_t n = sizes[i];
        SIZE(TP_ERROR_INVALID_ARGUMENT, n, tp_model_create_mlp(&other, integers, n, NULL));
        SIZE(TP_ERROR_INVALID_ARGUMENT, n, tp_model_get_layer(model, 0, NULL, n, NULL, 0));
        SIZE(TP_ERROR_SHAPE_MISMATCH, n, tp_model_set_layer(model, 0, values, n, NULL, 0));
        SIZE(TP_ERROR_SHAPE_MISMATCH, n, tp_model_set_parameters(model, values, n));
        SIZE(TP_ERROR_INVALID_ARGUMENT, n, tp_model_load_buffer(&other, values, n, NULL));
        SIZE(TP_ERROR_SHAPE_MISMATCH, n, tp_model_apply_scaling(model, 0, values, n));
        SIZE(TP_ERROR_SHAPE_MISMATCH, n, tp_model_apply_linear(model, 0, values, n, &batch));
        SIZE(TP_ERROR_SHAPE_MISMATCH, n, tp_trainer_apply_gradient(trainer, values, n));
        SIZE(TP_ERROR_SHAPE_MISMATCH, n,
             tp_model_scaling_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, numbers, n, numbers, NULL, 0));
        SIZE(TP_ERROR_SHAPE_MISMATCH, n,
             tp_model_hessian_vector_product(model, &batch, TP_LOSS_CROSS_ENTROPY, values, n, values + 128, 119));
        SIZE(TP_ERROR_INVALID_ARGUMENT, n, tp_dataset_get(dataset, 0, 1, NULL, n, NULL, 0));
        SIZE(TP_ERROR_INVALID_ARGUMENT, n, tp_dataset_from_image_files(&made, names, n, NULL, NULL, NULL));
        tp_image_config image;
        MUST(tp_image_config_init(&image, sizeof image));
        image.class_count = n;
        SIZE(TP_ERROR_INVALID_ARGUMENT, n, tp_dataset_from_image_folder(&made, "/", &image, NULL, NULL));
        image.class_names = names;
        SIZE(TP_ERROR_INVALID_ARGUMENT, n, tp_dataset_from_image_folder(&made, "/", &image, NULL, NULL));
        SIZE(TP_ERROR_INVALID_ARGUMENT, n, tp_image_config_init(&image, n));
        image.struct_size = n;
        SIZE(TP_ERROR_INVALID_ARGUMENT, n, tp_dataset_from_image_folder(&made, "/", &image, NULL, NULL));
        tp_run_config run;
        MUST(tp_run_config_init(&run, sizeof run));
        run.teleport_epoch_count = n;
        SIZE(TP_ERROR_INVALID_ARGUMENT, n, tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
        tp_teleport_config teleport;
        MUST(tp_teleport_config_init(&teleport, sizeof teleport));
        teleport.perturbation_norm_count = n;
        SIZE(TP_ERROR_INVALID_ARGUMENT, n, tp_model_check_teleport(model, &teleport));
    }
    CHECK(!other && !made);
    tp_trainer_free(trainer);
    tp_dataset_free(dataset);
}

static void check_numbers(void) {
    static const float wrong[] = {NAN, INFINITY, -INFINITY};
    static float v[119], product[119], scale[8], weights[sample_count];
    tp_model *other = NULL;
    tp_model_config config;
    static const int32_t widths[] = {2, 3, 1};
    for (int i = 0; i < 8; i++) scale[i] = 1;
    for (int i = 0; i < sample_count; i++) weights[i] = 1;
#define NOT_FINITE(name, call)                            \
    do {                                                  \
        CHECK_EQUAL((call), TP_ERROR_NOT_FINITE);         \
        CHECK_NAMES(tp_error_message(), name);            \
    } while (0)
    for (int i = 0; i < 3; i++) {
        v[7] = wrong[i];
        NOT_FINITE("v[7]", tp_model_hessian_vector_product(model, &batch, TP_LOSS_CROSS_ENTROPY, v, 119, product, 119));
        v[7] = 0;
        scale[2] = wrong[i];
        NOT_FINITE("factor 2", tp_model_apply_scaling(model, 0, scale, 8));
        scale[2] = 1;
        tp_batch weighted = batch;
        weighted.weights = weights;
        weights[5] = wrong[i];
        NOT_FINITE("weight 5", tp_model_hessian_vector_product(model, &weighted, TP_LOSS_CROSS_ENTROPY, v, 119,
                                                               product, 119));
        weights[5] = 1;
        /* Whether the activation has a use for it or not. */
        for (int activation = TP_ACTIVATION_IDENTITY; activation <= TP_ACTIVATION_TANH; activation++) {
            MUST(tp_model_config_init(&config, sizeof config));
            config.activation = activation;
            config.negative_slope = wrong[i];
            NOT_FINITE("negative_slope", tp_model_create_mlp(&other, widths, 3, &config));
        }
    }
    CHECK(!other);
}

/* The rate of a callback that is no number, and one that is negative. */
static double wrong_rate(int64_t step, double base, void *user_data) {
    (void)step, (void)base;
    return *(double *)user_data;
}

static void check_rates(void) {
    tp_model *copy = NULL;
    MUST(tp_model_clone(&copy, model));
    tp_trainer *trainer = fixture_trainer(copy);
    tp_schedule_config schedule;
    double rate;
    MUST(tp_schedule_config_init(&schedule, sizeof schedule));
    schedule.schedule = TP_SCHEDULE_CALLBACK;
    schedule.rate = wrong_rate;
    schedule.user_data = &rate;
    MUST(tp_trainer_set_schedule(trainer, &schedule));
    rate = NAN;
    NOT_FINITE("learning_rate is nan", tp_trainer_step(trainer, &batch, NULL));
    rate = INFINITY;
    NOT_FINITE("learning_rate is inf", tp_trainer_step(trainer, &batch, NULL));
    rate = -1;
    CHECK_EQUAL(tp_trainer_step(trainer, &batch, NULL), TP_ERROR_INVALID_ARGUMENT);
    CHECK_EQUAL(tp_trainer_step_count(trainer), 0);
    tp_trainer_free(trainer);
    tp_model_free(copy);
}

static void check_overlap(void) {
    static float values[360], apart[119], before[360];
    for (int i = 0; i < 360; i++) before[i] = values[i] = (float)(i % 17) / 17;
    float *const v = values + 120;
    MUST(tp_model_hessian_vector_product(model, &batch, TP_LOSS_CROSS_ENTROPY, v, 119, apart, 119));
    static const int overlaps[] = {-118, -1, 0, 1, 118};
    for (int i = 0; i < 5; i++) {
        float *product = v + overlaps[i];
        CHECK_EQUAL(tp_model_hessian_vector_product(model, &batch, TP_LOSS_CROSS_ENTROPY, v, 119, product, 119),
                    TP_ERROR_INVALID_ARGUMENT);
        CHECK_NAMES(tp_error_message(), "product overlaps v");
        CHECK(!memcmp(values, before, sizeof values));
    }
    /* Side by side they may be, and room that no result goes to counts for nothing. */
    static const int sides[] = {-119, 119};
    for (int i = 0; i < 2; i++) {
        float *product = v + sides[i];
        CHECK_EQUAL(tp_model_hessian_vector_product(model, &batch, TP_LOSS_CROSS_ENTROPY, v, 119, product,
                                                    i ? 119 : 200),
                    TP_OK);
        CHECK(!memcmp(product, apart, sizeof apart));
        CHECK(!memcmp(v, before + 120, 119 * sizeof *v));
    }
}

/* The same of a gradient that is to lie on the logarithms that it belongs to. */
static void check_gradient_overlap(void) {
    static double s[39], before[39], apart[13];
    double phi = 77;
    for (int i = 0; i < 39; i++) before[i] = s[i] = (double)(i % 5) / 8;
    MUST(tp_model_scaling_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, s + 13, 13, &phi, apart, 13));
    const double expected = phi;
    phi = 77;
    static const int overlaps[] = {-12, -1, 0, 1, 12};
    for (int i = 0; i < 5; i++) {
        double *gradient = s + 13 + overlaps[i];
        CHECK_EQUAL(tp_model_scaling_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, s + 13, 13, &phi,
                                                   gradient, 13),
                    TP_ERROR_INVALID_ARGUMENT);
        CHECK_NAMES(tp_error_message(), "gradient overlaps log_scale");
        CHECK(phi == 77 && !memcmp(s, before, sizeof s));
        memcpy(s, before, sizeof s);
    }
    CHECK_EQUAL(tp_model_scaling_gradient_norm(model, &batch, TP_LOSS_CROSS_ENTROPY, s + 13, 13, &phi, s + 26, 13),
                TP_OK);
    CHECK(phi == expected && !memcmp(s + 26, apart, sizeof apart));
}

int main(void) {
    fixture_fill();
    batch = fixture_batch();
    model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    check_sizes();
    check_numbers();
    check_rates();
    check_overlap();
    check_gradient_overlap();
    tp_model_free(model);
    return check_finish();
}
