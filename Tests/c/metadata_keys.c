/* The keys of a model's metadata can be listed: all of them, each once, in the order of their bytes. */
#include <teleport.h>

#include "check.h"
#include "fixture.h"

static tp_model *model;

static void check_key(int32_t index, const char *expected) {
    char key[256] = "untouched";
    size_t length = 99;
    CHECK_EQUAL(tp_model_metadata_key(model, index, NULL, 0, &length), TP_OK);
    CHECK_EQUAL((long long)length, (long long)strlen(expected));
    CHECK_EQUAL(tp_model_metadata_key(model, index, key, length, NULL), TP_ERROR_BUFFER_TOO_SMALL);
    CHECK(!strcmp(key, "untouched"));
    CHECK_EQUAL(tp_model_metadata_key(model, index, key, length + 1, NULL), TP_OK);
    CHECK(!strcmp(key, expected));
}

static void check_no_key(int32_t index) {
    char key[8] = "kept";
    size_t length = 99;
    CHECK_EQUAL(tp_model_metadata_key(model, index, key, sizeof key, &length), TP_ERROR_NOT_FOUND);
    CHECK(length == 99 && !strcmp(key, "kept"));
}

int main(void) {
    static char longest[256], data[1 << 16];
    tp_model *copy = NULL;
    size_t size = 0;

    model = fixture_model(TP_ACTIVATION_TANH);
    CHECK_EQUAL(tp_model_metadata_count(NULL), 0);
    CHECK_EQUAL(tp_model_metadata_count(model), 0);
    check_no_key(0);

    memset(longest, 'z', 255);
    MUST(tp_model_set_metadata(model, longest, "1"));
    MUST(tp_model_set_metadata(model, "caf\xc3\xa9", ""));
    MUST(tp_model_set_metadata(model, "b", "3"));
    MUST(tp_model_set_metadata(model, "B", "4"));
    MUST(tp_model_set_metadata(model, "b", "5"));
    CHECK_EQUAL(tp_model_metadata_count(model), 4);
    check_key(0, "B");
    check_key(1, "b");
    check_key(2, "caf\xc3\xa9");
    check_key(3, longest);
    check_no_key(4);
    check_no_key(-1);
    check_no_key(INT32_MIN);
    check_no_key(INT32_MAX);

    /* The library's own keys of a file are not among them. */
    MUST(tp_model_set_metadata(model, "b", NULL));
    MUST(tp_model_save_buffer(model, data, sizeof data, &size));
    tp_model_free(model);
    MUST(tp_model_load_buffer(&copy, data, size, NULL));
    model = copy;
    CHECK_EQUAL(tp_model_metadata_count(model), 3);
    check_key(0, "B");
    check_key(1, "caf\xc3\xa9");
    check_key(2, longest);
    tp_model_free(model);
    return check_finish();
}
