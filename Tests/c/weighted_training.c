/* Weights of samples and classes, and label smoothing, as a host in C sees them: a run on a set with weights is the
 * same to the bit as steps on batches with them, and one objective is behind loss, gradient and Hessian. */
#include <math.h>

#include "check.h"
#include "fixture.h"

enum { batch_size = 16, parameter_count = 119 };

static tp_dataset *dataset;
static float weights[sample_count];

static tp_trainer *trainer_with(tp_model *model, double smoothing) {
    tp_trainer *trainer = NULL;
    tp_optimizer_config config;
    MUST(tp_optimizer_config_init(&config, sizeof config));
    config.learning_rate = 0.1;
    config.label_smoothing = smoothing;
    MUST(tp_trainer_create(&trainer, model, TP_LOSS_CROSS_ENTROPY, &config));
    return trainer;
}

static void run(tp_trainer *trainer, const tp_dataset *train, const float *class_weights, int32_t balance) {
    tp_run_config config;
    MUST(tp_run_config_init(&config, sizeof config));
    config.epochs = 2;
    config.batch_size = batch_size;
    config.shuffle = 0;
    config.class_weights = class_weights;
    config.class_weight_count = class_weights ? class_count : 0;
    config.balance_classes = balance;
    CHECK_EQUAL(tp_trainer_run(trainer, train, NULL, &config, NULL, NULL), TP_OK);
}

static void step_through(tp_trainer *trainer, const float *own) {
    for (int epoch = 0; epoch < 2; epoch++) {
        for (int first = 0; first < sample_count; first += batch_size) {
            const tp_batch batch = {.x = fixture_x + first * input_width, .x_width = input_width,
                                    .labels = fixture_labels + first, .weights = own + first, .count = batch_size};
            MUST(tp_trainer_step(trainer, &batch, NULL));
        }
    }
}

/* The run and the steps end at the same weights. */
static void check_run(double smoothing, const float *class_weights, int32_t balance, const float *own) {
    tp_model *a = fixture_model(TP_ACTIVATION_LEAKY_RELU), *b = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_trainer *runs = trainer_with(a, smoothing), *steps = trainer_with(b, smoothing);
    tp_dataset *weighted = NULL;
    MUST(tp_dataset_with_weights(&weighted, dataset, weights, sample_count));
    run(runs, weighted, class_weights, balance);
    tp_dataset_free(weighted);
    step_through(steps, own);
    float *expected = fixture_parameters(b);
    CHECK(fixture_equals(a, expected));
    free(expected);
    tp_trainer_free(runs), tp_trainer_free(steps);
    tp_model_free(a), tp_model_free(b);
}

static void check_runs(void) {
    static const float factors[class_count] = {0.5f, 0, 3};
    float own[sample_count];
    double sums[class_count] = {0}, total = 0;
    check_run(0, NULL, 0, weights);
    check_run(0.2, NULL, 0, weights);
    for (int i = 0; i < sample_count; i++) own[i] = weights[i] * factors[fixture_labels[i]];
    check_run(0.2, factors, 0, own);
    for (int i = 0; i < sample_count; i++) sums[fixture_labels[i]] += (double)weights[i];
    for (int c = 0; c < class_count; c++) total += sums[c];
    for (int i = 0; i < sample_count; i++) {
        own[i] = weights[i] * (float)(total / (class_count * sums[fixture_labels[i]]));
    }
    check_run(0, NULL, 1, own);
}

static double loss_at(tp_trainer *trainer, tp_model *model, const float *start, const float *v, double step,
                      const tp_batch *batch) {
    float moved[parameter_count];
    double value = 0;
    for (int i = 0; i < parameter_count; i++) moved[i] = (float)((double)start[i] + step * (double)v[i]);
    MUST(tp_model_set_parameters(model, moved, parameter_count));
    MUST(tp_trainer_loss(trainer, batch, &value));
    return value;
}

/* Central differences of the loss and of the gradient, in float weights: right to about 1e-3. */
static void check_objective(void) {
    tp_model *model = fixture_model(TP_ACTIVATION_TANH);
    tp_trainer *trainer = trainer_with(model, 0.3);
    tp_batch batch = fixture_batch();
    float *start = fixture_parameters(model), gradient[parameter_count], product[parameter_count], v[parameter_count];
    double slope = 0, curvature = 0, value = 0, plain = 0;
    const double step = 1e-2;

    batch.weights = weights;
    MUST(tp_trainer_gradient(trainer, &batch, gradient, parameter_count, &value));
    MUST(tp_model_loss(model, &batch, TP_LOSS_CROSS_ENTROPY, &plain));
    CHECK(fabs(value - plain) > 1e-3);
    for (int i = 0; i < parameter_count; i++) v[i] = fixture_x[i];
    MUST(tp_trainer_hessian_vector_product(trainer, &batch, v, parameter_count, product, parameter_count));
    for (int i = 0; i < parameter_count; i++) {
        slope += (double)gradient[i] * (double)v[i];
        curvature += (double)product[i] * (double)v[i];
    }
    double up = loss_at(trainer, model, start, v, step, &batch);
    double down = loss_at(trainer, model, start, v, -step, &batch);
    double here = loss_at(trainer, model, start, v, 0, &batch);
    CHECK(here == value);
    CHECK(fabs((up - down) / (2 * step) - slope) < 1e-2 * fabs(slope) + 1e-4);
    CHECK(fabs((up - 2 * here + down) / (step * step) - curvature) < 2e-2 * fabs(curvature) + 1e-2);
    free(start);
    tp_trainer_free(trainer);
    tp_model_free(model);
}

int main(void) {
    fixture_fill();
    dataset = fixture_dataset();
    for (int i = 0; i < sample_count; i++) weights[i] = i % 5 ? (float)(i % 7) / 4 : 0;
    check_runs();
    check_objective();
    tp_dataset_free(dataset);
    return check_finish();
}
