/* A step that diverges is TP_ERROR_NOT_FINITE and leaves the weights of the step before, to the bit: no step gives
 * TP_OK and weights that are not finite, whatever activation, optimizer and loss. */
#include <math.h>

#include "check.h"
#include "fixture.h"

static const int32_t widths[] = {input_width, 8, 8, output_width};
enum { parameter_count = 7 * 8 + 9 * 8 + 9 * 3 };

static int all_finite(const float *values) {
    for (int i = 0; i < parameter_count; i++) {
        if (!isfinite(values[i])) return 0;
    }
    return 1;
}

static tp_trainer *make(tp_model **model, int32_t activation, int32_t optimizer, int32_t loss, double rate,
                        double scale) {
    tp_model_config shape;
    tp_optimizer_config config;
    tp_trainer *trainer;
    float values[parameter_count];
    MUST(tp_model_config_init(&shape, sizeof shape));
    shape.activation = activation;
    MUST(tp_model_create_mlp(model, widths, 4, &shape));
    MUST(tp_model_get_parameters(*model, values, parameter_count));
    for (int i = 0; i < parameter_count; i++) values[i] *= (float)scale;
    MUST(tp_model_set_parameters(*model, values, parameter_count));
    MUST(tp_optimizer_config_init(&config, sizeof config));
    config.optimizer = optimizer;
    config.learning_rate = rate;
    MUST(tp_trainer_create(&trainer, *model, loss, &config));
    return trainer;
}

static int diverged, lied;

static void check_net(int32_t activation, int32_t optimizer, int32_t loss, double rate, double scale) {
    float before[parameter_count], after[parameter_count];
    tp_batch batch = loss == TP_LOSS_CROSS_ENTROPY ? fixture_batch() : fixture_target_batch();
    tp_model *model;
    tp_trainer *trainer = make(&model, activation, optimizer, loss, rate, scale);
    for (int step = 0; step < 60; step++) {
        MUST(tp_model_get_parameters(model, before, parameter_count));
        tp_status status = tp_trainer_step(trainer, &batch, NULL);
        MUST(tp_model_get_parameters(model, after, parameter_count));
        lied += status == TP_OK && !all_finite(after);
        if (!all_finite(after)) break;
        if (status == TP_OK) continue;
        CHECK_EQUAL(status, TP_ERROR_NOT_FINITE);
        CHECK_NAMES(tp_error_message(), "learning rate");
        CHECK(!memcmp(before, after, sizeof before));
        CHECK_EQUAL(tp_trainer_step_count(trainer), step);
        diverged++;
        break;
    }
    tp_trainer_free(trainer);
    tp_model_free(model);
}

static void check_inputs(int32_t activation) {
    tp_model *model;
    float x[sample_count * input_width], before[parameter_count], after[parameter_count];
    tp_trainer *trainer = make(&model, activation, TP_OPTIMIZER_ADAM, TP_LOSS_CROSS_ENTROPY, 0.01, 1);
    tp_batch batch = fixture_batch();
    memcpy(x, fixture_x, sizeof x);
    x[17 * input_width + 4] = (float)NAN;
    batch.x = x;
    MUST(tp_model_get_parameters(model, before, parameter_count));
    CHECK_EQUAL(tp_trainer_step(trainer, &batch, NULL), TP_ERROR_NOT_FINITE);
    CHECK_NAMES(tp_error_message(), "sample 17");
    CHECK_NAMES(tp_error_message(), "nan");
    CHECK(!strstr(tp_error_message(), "rate"));
    MUST(tp_model_get_parameters(model, after, parameter_count));
    CHECK(!memcmp(before, after, sizeof before));
    tp_trainer_free(trainer);
    tp_model_free(model);
}

static void check_gradients(int32_t optimizer) {
    tp_model *model;
    float gradient[parameter_count], before[parameter_count], after[parameter_count];
    tp_trainer *trainer = make(&model, TP_ACTIVATION_TANH, optimizer, TP_LOSS_CROSS_ENTROPY, 1e6, 1);
    for (int i = 0; i < parameter_count; i++) gradient[i] = 1e38f;
    MUST(tp_model_get_parameters(model, before, parameter_count));
    tp_status status = tp_trainer_apply_gradient(trainer, gradient, parameter_count);
    MUST(tp_model_get_parameters(model, after, parameter_count));
    CHECK_EQUAL(status, TP_ERROR_NOT_FINITE);
    if (status) CHECK_NAMES(tp_error_message(), "learning rate");
    CHECK(!memcmp(before, after, sizeof before));
    CHECK_EQUAL(tp_trainer_step_count(trainer), 0);
    tp_trainer_free(trainer);
    tp_model_free(model);
}

int main(void) {
    static const double rates[] = {10, 1e4, 1e9, 1e18}, scales[] = {1, 1e10, 1e30};
    fixture_fill();
    for (int32_t activation = TP_ACTIVATION_IDENTITY; activation <= TP_ACTIVATION_TANH; activation++) {
        for (int32_t optimizer = TP_OPTIMIZER_SGD; optimizer <= TP_OPTIMIZER_ADAMW; optimizer++) {
            for (int32_t loss = TP_LOSS_CROSS_ENTROPY; loss <= TP_LOSS_HALF_SQUARED_ERROR; loss++) {
                for (int rate = 0; rate < 4; rate++) {
                    for (int scale = 0; scale < 3; scale++) {
                        check_net(activation, optimizer, loss, rates[rate], scales[scale]);
                    }
                }
            }
        }
        check_inputs(activation);
    }
    for (int32_t optimizer = TP_OPTIMIZER_SGD; optimizer <= TP_OPTIMIZER_ADAMW; optimizer++) check_gradients(optimizer);
    printf("%d diverged and said so, %d left weights that are not finite with TP_OK\n", diverged, lied);
    CHECK(diverged > 300);
    CHECK_EQUAL(lied, 0);
    return check_finish();
}
