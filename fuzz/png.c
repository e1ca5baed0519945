/* PNG decoding: the first byte chooses the config, the rest is the image. An input that is a PNG itself is one with the
 * default config. */
#include "fuzz.h"

/* Gives every chunk the checksum it needs: otherwise few inputs would get past it. */
static void mend_checksums(uint8_t *png, size_t size) {
    for (size_t at = 8; at + 12 <= size;) {
        size_t length = (size_t)png[at] << 24 | (size_t)png[at + 1] << 16 | (size_t)png[at + 2] << 8 | png[at + 3];
        if (length > size - at - 12) return;
        uint32_t crc = 0xffffffff;
        for (size_t i = at + 4; i < at + 8 + length; i++) {
            crc ^= png[i];
            for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
        crc = ~crc;
        for (int i = 0; i < 4; i++) png[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += length + 12;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tp_image_config config;
    int32_t shape[3] = {0};
    static uint8_t pixels[1 << 20];
    if (!size) return 0;
    uint8_t choice = *data == 0x89 ? 32 : *data;
    if (*data != 0x89) data++, size--;
    REQUIRE(tp_image_config_init(&config, sizeof config) == TP_OK);
    config.channels = (int32_t[]){0, 1, 3, 4}[choice & 3];
    if (choice & 4) config.height = 7, config.width = 5;
    config.resampling = choice >> 3 & 1;
    config.bad_image = choice >> 4 & 1;
    config.max_pixels = 1 << 18;
    config.background[0] = choice;
    uint8_t *png = malloc(size + 1);
    REQUIRE(png);
    memcpy(png, data, size);
    if (choice & 32) mend_checksums(png, size);
    fuzz_file file = fuzz_file_open(png, size);
    free(png);
    tp_status status = fuzz_check(tp_image_load(file.path, &config, pixels, sizeof pixels, shape));
    const char *paths[] = {file.path, file.path};
    tp_dataset *dataset = NULL;
    tp_status set_status = fuzz_check(tp_dataset_from_image_files(&dataset, paths, 2, &config, NULL, NULL));
    if (status == TP_OK) {
        REQUIRE(set_status == TP_OK && tp_dataset_count(dataset) == 2);
        int64_t count = (int64_t)shape[0] * shape[1] * shape[2];
        float *x = malloc((size_t)count * sizeof *x);
        REQUIRE(x && tp_dataset_get(dataset, 1, 1, x, (size_t)count, NULL, 0) == TP_OK);
        for (int64_t i = 0; i < count; i++) REQUIRE(fabsf(x[i] - (float)pixels[i] / 255) < 1e-6f);
        free(x);
    } else {
        REQUIRE(set_status < 0 || status == TP_ERROR_BUFFER_TOO_SMALL);
    }
    tp_dataset_free(dataset);
    close(file.descriptor);
    return 0;
}
