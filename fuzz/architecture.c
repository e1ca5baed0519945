/* Architecture texts. One that makes a net is told again, makes the same net again, and goes into a file and out. */
#include "fuzz.h"

static char text[1 << 17], told[1 << 17], name[512];

/* Numbers of a size that nets may have are cut to two digits, behind an x to one: larger nets take memory and time and
 * show no more. */
static size_t with_small_numbers(const uint8_t *data, size_t size) {
    size_t length = 0, digits = 0, most = 2;
    int is_huge = 0;
    for (size_t i = 0; i < size && length < sizeof text - 1; i++) {
        size_t run = 0;
        while (i + run < size && data[i + run] >= '0' && data[i + run] <= '9') run++;
        if (run) {
            /* What no 32 bits hold stays as it is. */
            if (++digits == 1) is_huge = run > 11 && data[i] != '0';
            if (digits > most && !is_huge) continue;
        } else {
            most = data[i] == 'x' ? 1 : 2;
            digits = 0;
        }
        text[length++] = (char)data[i];
    }
    text[length] = 0;
    return strlen(text);
}

static void check_tensors(const tp_model *model) {
    int64_t parameters = 0;
    for (int32_t i = 0; i < tp_model_tensor_count(model); i++) {
        int32_t sizes[4], rank = -1;
        int64_t count = 1;
        REQUIRE(tp_model_tensor_name(model, i, name, sizeof name, NULL) == TP_OK);
        REQUIRE(tp_model_tensor_shape(model, name, sizes, 4, &rank) == TP_OK && rank >= 0 && rank <= 4);
        for (int k = 0; k < rank; k++) count *= sizes[k];
        REQUIRE(count > 0);
        const char *last = strrchr(name, '.');
        REQUIRE(last);
        if (!strcmp(last, ".weight") || !strcmp(last, ".bias")) parameters += count;
    }
    REQUIRE(parameters == tp_model_parameter_count(model));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tp_model *model = NULL, *again = NULL;
    size_t length = with_small_numbers(data, size), written = 0;
    if (fuzz_check(tp_model_create(&model, text, NULL)) != TP_OK) {
        REQUIRE(!model);
        return 0;
    }
    REQUIRE(tp_model_architecture(model, told, sizeof told, &written) == TP_OK);
    REQUIRE(written == length && !memcmp(told, text, length));
    REQUIRE(tp_model_summary(model, NULL, 0, &written) == TP_OK && written > 0);
    check_tensors(model);
    int64_t count = tp_model_parameter_count(model);
    if (count < 1 << 16) {
        size_t bytes = 0;
        REQUIRE(tp_model_save_buffer(model, NULL, 0, &bytes) == TP_OK);
        void *file = malloc(bytes);
        REQUIRE(file && tp_model_save_buffer(model, file, bytes, NULL) == TP_OK);
        REQUIRE(tp_model_load_buffer(&again, file, bytes, NULL) == TP_OK);
        REQUIRE(tp_model_parameter_count(again) == count);
        REQUIRE(tp_model_layer_count(again) == tp_model_layer_count(model));
        tp_model_free(again);
        free(file);
    }
    int32_t widths[1026];
    int32_t layers = tp_model_layer_count(model);
    REQUIRE(layers > 0 && tp_model_widths(model, widths, 1026) == TP_OK);
    if (widths[0] < 1 << 12 && widths[layers] < 1 << 12 && count < 1 << 16) {
        float *x = calloc((size_t)widths[0], sizeof *x), *y = calloc((size_t)widths[layers], sizeof *y);
        REQUIRE(x && y);
        fuzz_check(tp_model_predict(model, x, widths[0], 1, TP_OUTPUT_RAW, y, (size_t)widths[layers]));
        free(x);
        free(y);
    }
    tp_model_free(model);
    return 0;
}
