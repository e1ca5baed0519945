/* Small objects that the tests of the ABI share. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <stdlib.h>
#include <teleport.h>

enum { sample_count = 96, input_width = 6, class_count = 3, output_width = class_count };

static float fixture_x[sample_count * input_width];
static float fixture_targets[sample_count * output_width];
static int32_t fixture_labels[sample_count];

static inline void fixture_must(tp_status status, const char *what) {
    if (status == TP_OK) return;
    printf("%s: %s\n0 passed, 1 failed\n", what, tp_error_message());
    exit(1);
}
#define MUST(call) fixture_must((call), #call)

static inline void fixture_fill(void) {
    uint32_t state = 12345;
    for (int i = 0; i < sample_count; i++) {
        for (int j = 0; j < input_width; j++) {
            state = state * 1664525u + 1013904223u;
            fixture_x[i * input_width + j] = (float)(state >> 8) / 8388608.0f - 1;
        }
        fixture_labels[i] = fixture_x[i * input_width] > 0.3f ? 2 : fixture_x[i * input_width] > -0.3f;
        for (int j = 0; j < output_width; j++) {
            fixture_targets[i * output_width + j] = (float)(fixture_labels[i] == j);
        }
    }
}

static inline tp_batch fixture_batch(void) {
    tp_batch batch = {.x = fixture_x, .x_width = input_width, .labels = fixture_labels, .count = sample_count};
    return batch;
}

static inline tp_batch fixture_target_batch(void) {
    tp_batch batch = {.x = fixture_x, .x_width = input_width,
                      .targets = fixture_targets, .target_width = output_width, .count = sample_count};
    return batch;
}

/* 6-8-5-3. */
static inline tp_model *fixture_model(tp_activation activation) {
    static const int32_t widths[] = {input_width, 8, 5, output_width};
    tp_model *model = NULL;
    tp_model_config config;
    MUST(tp_model_config_init(&config, sizeof config));
    config.activation = activation;
    MUST(tp_model_create_mlp(&model, widths, 4, &config));
    return model;
}

static inline tp_dataset *fixture_dataset(void) {
    tp_dataset *dataset = NULL;
    MUST(tp_dataset_from_labels(&dataset, fixture_x, input_width, fixture_labels, sample_count, class_count));
    return dataset;
}

static inline tp_trainer *fixture_trainer(tp_model *model) {
    tp_trainer *trainer = NULL;
    MUST(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, NULL));
    return trainer;
}

/* All parameters, to be freed by the caller. */
static inline float *fixture_parameters(const tp_model *model) {
    size_t count = (size_t)tp_model_parameter_count(model);
    float *parameters = malloc(count * sizeof *parameters);
    if (!parameters) exit(2);
    MUST(tp_model_get_parameters(model, parameters, count));
    return parameters;
}

static inline int fixture_equals(const tp_model *model, const float *parameters) {
    float *now = fixture_parameters(model);
    int equal = !memcmp(now, parameters, (size_t)tp_model_parameter_count(model) * sizeof *now);
    free(now);
    return equal;
}

#endif
