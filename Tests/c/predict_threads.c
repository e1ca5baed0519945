/* Many threads read one model at once, each with the results of one thread to the bit, while other threads train
 * models of their own. */
#include <pthread.h>

#include "check.h"
#include "fixture.h"

enum { readers = 8, trainers = 4, rounds = 200 };

static const tp_model *model;
static float expected[sample_count * output_width];
static double expected_loss;
static float *expected_weights;

static void *read_model(void *argument) {
    long *wrong = argument;
    float out[sample_count * output_width];
    int32_t labels[sample_count];
    tp_batch batch = fixture_batch();
    for (int i = 0; i < rounds; i++) {
        double loss = 0;
        /* Different counts, so that threads are at different places. */
        int64_t count = 1 + (i * 7) % sample_count;
        *wrong += tp_model_predict(model, fixture_x, input_width, sample_count, TP_OUTPUT_RAW, out,
                                   sample_count * output_width) != TP_OK ||
                  memcmp(out, expected, sizeof expected) != 0;
        *wrong += tp_model_predict_labels(model, fixture_x, input_width, count, labels, sample_count) != TP_OK;
        *wrong += tp_model_loss(model, &batch, TP_LOSS_CROSS_ENTROPY, &loss) != TP_OK || loss != expected_loss;
    }
    return NULL;
}

/* Training on a thread of its own gives what it gives on the main thread. */
static float *trained_weights(void) {
    tp_batch batch = fixture_batch();
    tp_model *own = NULL;
    tp_trainer *trainer = NULL;
    float *weights = NULL;
    size_t count = (size_t)tp_model_parameter_count(model);
    if (tp_model_clone(&own, model) == TP_OK &&
        tp_trainer_create(&trainer, own, TP_LOSS_CROSS_ENTROPY, NULL) == TP_OK) {
        for (int i = 0; i < rounds; i++) (void)tp_trainer_step(trainer, &batch, NULL);
        weights = malloc(count * sizeof *weights);
        if (weights) (void)tp_model_get_parameters(own, weights, count);
    }
    tp_trainer_free(trainer);
    tp_model_free(own);
    return weights;
}

static void *train_copy(void *argument) {
    long *wrong = argument;
    float *weights = trained_weights();
    size_t bytes = (size_t)tp_model_parameter_count(model) * sizeof *weights;
    *wrong += !weights || memcmp(weights, expected_weights, bytes) != 0;
    free(weights);
    return NULL;
}

int main(void) {
    pthread_t threads[readers + trainers];
    long wrong[readers + trainers] = {0};
    tp_batch batch;

    fixture_fill();
    batch = fixture_batch();
    tp_model *made = fixture_model(TP_ACTIVATION_TANH);
    model = made;
    MUST(tp_model_predict(model, fixture_x, input_width, sample_count, TP_OUTPUT_RAW, expected,
                          sample_count * output_width));
    MUST(tp_model_loss(model, &batch, TP_LOSS_CROSS_ENTROPY, &expected_loss));
    expected_weights = trained_weights();
    CHECK(expected_weights != NULL);

    for (int i = 0; i < readers + trainers; i++) {
        if (!CHECK(pthread_create(&threads[i], NULL, i < readers ? read_model : train_copy, &wrong[i]) == 0)) return 1;
    }
    for (int i = 0; i < readers + trainers; i++) {
        pthread_join(threads[i], NULL);
        CHECK_EQUAL(wrong[i], 0);
    }
    free(expected_weights);
    tp_model_free(made);
    return check_finish();
}
