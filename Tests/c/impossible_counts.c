/* Data sets from counts that no memory holds: refused before the labels, targets or pixels are walked, which would
 * end the process behind the last page of the arrays. */
#include "check.h"
#include "fixture.h"

#define NO_MEMORY(call)                               \
    do {                                              \
        CHECK_EQUAL((call), TP_ERROR_OUT_OF_MEMORY);  \
        CHECK(made == NULL);                          \
        CHECK(strlen(tp_error_message()) > 6);        \
    } while (0)

int main(void) {
    /* The last two times a width, or in bytes, are more than a size counts; the first two more than a machine has. */
    static const int64_t counts[] = {(int64_t)1 << 48, ((int64_t)1 << 52) + 1, INT64_MAX / 4, INT64_MAX};
    static const int32_t shape[] = {1, 2, 2}, huge[] = {4, INT32_MAX, INT32_MAX};
    static const uint8_t pixels[64];
    static int32_t labels[16];
    tp_dataset *made = NULL;

    fixture_fill();
    for (int i = 0; i < 4; i++) {
        NO_MEMORY(tp_dataset_from_labels(&made, fixture_x, input_width, labels, counts[i], 0));
        NO_MEMORY(tp_dataset_from_labels(&made, fixture_x, input_width, labels, counts[i], class_count));
        NO_MEMORY(tp_dataset_from_labels(&made, fixture_x, counts[i], labels, 3, 0));
        NO_MEMORY(tp_dataset_from_targets(&made, fixture_x, input_width, fixture_targets, output_width, counts[i]));
        NO_MEMORY(tp_dataset_from_targets(&made, fixture_x, input_width, fixture_targets, counts[i], 4));
        NO_MEMORY(tp_dataset_from_pixels(&made, pixels, shape, labels, counts[i], NULL));
        NO_MEMORY(tp_dataset_from_pixels(&made, pixels, shape, NULL, counts[i], NULL));
        NO_MEMORY(tp_dataset_from_pixels(&made, pixels, huge, labels, counts[i], NULL));
    }
    /* What is wrong with arrays that can be is still found. */
    static const int32_t wrong[] = {0, -1, 0};
    CHECK_EQUAL(tp_dataset_from_labels(&made, fixture_x, input_width, wrong, 3, 0), TP_ERROR_INVALID_ARGUMENT);
    CHECK_EQUAL(tp_dataset_from_pixels(&made, pixels, shape, wrong, 3, NULL), TP_ERROR_INVALID_ARGUMENT);
    CHECK_EQUAL(tp_dataset_from_labels(&made, fixture_x, 0, labels, counts[0], 0), TP_ERROR_INVALID_ARGUMENT);
    CHECK_EQUAL(tp_dataset_from_labels(&made, fixture_x, input_width, labels, counts[0], -1),
                TP_ERROR_INVALID_ARGUMENT);
    CHECK(made == NULL);
    return check_finish();
}
