/* The host's locale does not matter: with a comma for decimals, files are written and read and messages
 * made as before. */
#define _GNU_SOURCE
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

static size_t save(char *data, size_t capacity) {
    static const int32_t widths[] = {2, 2, 2};
    tp_model_config config;
    tp_model *model = NULL;
    size_t size = 0;
    MUST(tp_model_config_init(&config, sizeof config));
    config.negative_slope = 0.125f;
    MUST(tp_model_create_mlp(&model, widths, 3, &config));
    MUST(tp_model_save_buffer(model, data, capacity, &size));
    tp_model_free(model);
    return size;
}

int main(void) {
    static char before[4096], after[4096];
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "pl_PL.UTF-8"};
    char folder[] = "/tmp/tp-locale-XXXXXX", removal[64];
    const char *set = NULL;
    size_t size = save(before, sizeof before);
    for (size_t i = 0; i < 4 && !set; i++) set = setlocale(LC_ALL, names[i]);
    if (!set) {
        /* Made here where none is installed: localedef comes with libc. */
        char command[160];
        if (!mkdtemp(folder)) return 2;
        snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1 || true", folder);
        CHECK(system(command) == 0);
        setenv("LOCPATH", folder, 1);
        set = setlocale(LC_ALL, "de_DE.UTF-8");
    }
    /* Loaded by now, or of no use. */
    snprintf(removal, sizeof removal, "rm -rf %s", folder);
    CHECK(system(removal) == 0);
    if (!set) {
        printf("skipped: no locale with a decimal comma here\n");
        CHECK(1);
        return check_finish();
    }
    char number[16];
    snprintf(number, sizeof number, "%.1f", 0.5);
    CHECK(!strcmp(number, "0,5"));
    CHECK_EQUAL(save(after, sizeof after), size);
    CHECK(!memcmp(before, after, size));
    tp_model *model = NULL;
    tp_model_config config;
    CHECK_EQUAL(tp_model_load_buffer(&model, before, size, NULL), TP_OK);
    MUST(tp_model_config_init(&config, sizeof config));
    MUST(tp_model_get_config(model, &config));
    CHECK(config.negative_slope == 0.125f);
    tp_model_free(model);
    config.negative_slope = -0.5f;
    static const int32_t widths[] = {2, 2};
    CHECK(tp_model_create_mlp(&model, widths, 2, &config) < 0);
    CHECK_NAMES(tp_error_message(), "-0.5");
    CHECK_EQUAL(tp_model_load(&model, "/no such file", NULL), TP_ERROR_NOT_FOUND);
    CHECK_NAMES(tp_error_message(), "No such file or directory");
    return check_finish();
}
