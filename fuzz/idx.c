/* IDX files: two bytes say how many of the others are the images; what is left are the labels. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    size_t images = (size_t)(data[0] | data[1] << 8);
    data += 2, size -= 2;
    if (images > size) images = size;
    fuzz_file first = fuzz_file_open(data, images), second = fuzz_file_open(data + images, size - images);
    tp_dataset *dataset = NULL;
    for (int labels = 0; labels < 2; labels++) {
        if (fuzz_check(tp_dataset_from_idx(&dataset, first.path, labels ? second.path : NULL, NULL)) == TP_OK) {
            int32_t channels, height, width;
            REQUIRE(tp_dataset_count(dataset) > 0);
            REQUIRE(tp_dataset_sample_shape(dataset, &channels, &height, &width) == TP_OK);
            REQUIRE(channels == 1 && (int64_t)height * width * tp_dataset_count(dataset) > 0);
        } else {
            REQUIRE(!dataset);
        }
        tp_dataset_free(dataset);
        dataset = NULL;
    }
    close(first.descriptor);
    close(second.descriptor);
    return 0;
}
