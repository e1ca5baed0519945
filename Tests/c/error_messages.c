/* A message names the value at fault, is a thread's own, and survives calls that succeed. */
#include <pthread.h>

#include "check.h"
#include "fixture.h"

static void *other_thread(void *argument) {
    tp_model *model = argument;
    static char seen[1024];
    char before = tp_error_message()[0];
    (void)tp_model_layer_shape(model, 4321, NULL, NULL);
    strcpy(seen, tp_error_message());
    return before ? NULL : seen;
}

int main(void) {
    static const int32_t zero_width[] = {6, 0, 3};
    static char long_key[4000];
    tp_model *made, *model;
    float out[3];
    pthread_t thread;
    void *seen = NULL;

    CHECK(tp_error_message() && tp_error_message()[0] == 0);
    fixture_fill();
    model = fixture_model(TP_ACTIVATION_LEAKY_RELU);
    tp_batch batch = fixture_batch();

    CHECK_EQUAL(tp_set_thread_count(257), TP_ERROR_INVALID_ARGUMENT);
    CHECK_NAMES(tp_error_message(), "257");
    CHECK_EQUAL(tp_set_thread_count(1), TP_OK);
    CHECK_NAMES(tp_error_message(), "257");

    CHECK_EQUAL(tp_model_create_mlp(&made, zero_width, 3, NULL), TP_ERROR_INVALID_ARGUMENT);
    CHECK_NAMES(tp_error_message(), "1"); /* widths[1] */
    CHECK_NAMES(tp_error_message(), "0");
    CHECK_EQUAL(tp_model_layer_shape(model, 1234, NULL, NULL), TP_ERROR_INVALID_ARGUMENT);
    CHECK_NAMES(tp_error_message(), "1234");
    CHECK_EQUAL(tp_model_predict(model, fixture_x, 5, 1, TP_OUTPUT_RAW, out, 3), TP_ERROR_SHAPE_MISMATCH);
    CHECK_NAMES(tp_error_message(), "5");
    CHECK_NAMES(tp_error_message(), "6");
    CHECK_EQUAL(tp_model_predict(model, fixture_x, 6, 1, TP_OUTPUT_RAW, out, 2), TP_ERROR_BUFFER_TOO_SMALL);
    CHECK_NAMES(tp_error_message(), "2");
    CHECK_NAMES(tp_error_message(), "3");
    fixture_labels[41] = 17;
    double loss;
    CHECK(tp_model_loss(model, &batch, TP_LOSS_CROSS_ENTROPY, &loss) < 0);
    CHECK_NAMES(tp_error_message(), "17");
    CHECK_NAMES(tp_error_message(), "41");

    /* Longer than the message may be: cut, and still terminated. */
    memset(long_key, 'k', sizeof long_key - 1);
    CHECK(tp_model_set_metadata(model, long_key, "v") < 0);
    CHECK(strlen(tp_error_message()) <= 1023);
    tp_dataset *dataset = NULL;
    CHECK(tp_dataset_from_image_folder(&dataset, long_key, NULL, NULL, NULL) < 0);
    CHECK(strlen(tp_error_message()) <= 1023);

    CHECK(tp_model_layer_shape(model, 1234, NULL, NULL) < 0);
    pthread_create(&thread, NULL, other_thread, model);
    pthread_join(thread, &seen);
    CHECK(seen != NULL);
    if (seen) CHECK_NAMES(seen, "4321");
    CHECK_NAMES(tp_error_message(), "1234");

    tp_model_free(model);
    return check_finish();
}
