/* Models in files and buffers: what comes back is what was written, to the bit. Where files go, and the checkpoints
 * that a run writes by itself. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

static char folder[] = "/tmp/tp-files-XXXXXX";
static char path_text[4][256];

static const char *path_of(const char *name, int slot) {
    snprintf(path_text[slot], sizeof path_text[slot], "%s/%s", folder, name);
    return path_text[slot];
}
#define PATH(name) path_of(name, 0)

static int same_model(const tp_model *a, const tp_model *b) {
    float *parameters = fixture_parameters(b);
    int equal = tp_model_parameter_count(a) == tp_model_parameter_count(b) && fixture_equals(a, parameters);
    free(parameters);
    return equal;
}

static void check_models(void) {
    static const tp_activation activations[] = {TP_ACTIVATION_IDENTITY, TP_ACTIVATION_LEAKY_RELU, TP_ACTIVATION_RELU,
                                                TP_ACTIVATION_SIGMOID, TP_ACTIVATION_TANH};
    for (int i = 0; i < 5; i++) {
        for (int bias = 0; bias < 2; bias++) {
            static const int32_t widths[] = {3, 1, 4};
            tp_model_config config, read_config;
            tp_model *model = NULL, *read = NULL;
            int32_t read_widths[3];
            char text[16];
            MUST(tp_model_config_init(&config, sizeof config));
            config.activation = activations[i];
            /* The others have no use for it, and keep it all the same. */
            config.negative_slope = activations[i] == TP_ACTIVATION_LEAKY_RELU ? 0.1f : i % 2 ? 3e38f : -2.5f;
            config.bias = bias;
            config.initialization = TP_INITIALIZATION_TORCH_LINEAR;
            config.seed = UINT64_MAX - (uint64_t)i;
            MUST(tp_model_create_mlp(&model, widths, 3, &config));
            MUST(tp_model_set_metadata(model, "classes \"\\\n\x01", "caf\xc3\xa9"));
            MUST(tp_model_set_metadata(model, "empty", ""));
            CHECK_EQUAL(tp_model_save(model, PATH("model")), TP_OK);
            CHECK_EQUAL(tp_model_load(&read, PATH("model"), NULL), TP_OK);
            CHECK(same_model(model, read));
            MUST(tp_model_widths(read, read_widths, 3));
            CHECK(!memcmp(widths, read_widths, sizeof widths));
            MUST(tp_model_config_init(&read_config, sizeof read_config));
            MUST(tp_model_get_config(read, &read_config));
            CHECK(!memcmp(&config, &read_config, sizeof config));
            CHECK_EQUAL(tp_model_get_metadata(read, "classes \"\\\n\x01", text, sizeof text, NULL), TP_OK);
            CHECK(!strcmp(text, "caf\xc3\xa9"));
            CHECK_EQUAL(tp_model_get_metadata(read, "empty", text, sizeof text, NULL), TP_OK);
            CHECK(!text[0]);
            CHECK_EQUAL(tp_model_get_metadata(read, "teleport.format", text, sizeof text, NULL), TP_ERROR_NOT_FOUND);
            tp_model_free(model);
            tp_model_free(read);
        }
    }
}

static void check_buffers(void) {
    tp_model *model = fixture_model(TP_ACTIVATION_TANH), *read = NULL;
    size_t size = 0, again = 0;
    CHECK_EQUAL(tp_model_save_buffer(model, NULL, 0, &size), TP_OK);
    CHECK(size > 119 * 4);
    char *data = malloc(size + 1), *file = malloc(size + 1);
    if (!data || !file) exit(2);
    data[0] = 'x';
    CHECK_EQUAL(tp_model_save_buffer(model, data, size - 1, &again), TP_ERROR_BUFFER_TOO_SMALL);
    CHECK(again == size && data[0] == 'x');
    /* At an odd address: no alignment is asked for. */
    CHECK_EQUAL(tp_model_save_buffer(model, data + 1, size, NULL), TP_OK);
    CHECK_EQUAL(tp_model_load_buffer(&read, data + 1, size, NULL), TP_OK);
    CHECK(same_model(model, read));
    tp_model_free(read);
    for (size_t cut = 0; cut < size; cut++) {
        CHECK(tp_model_load_buffer(&read, data + 1, cut, NULL) < 0 && !read);
    }
    CHECK_EQUAL(tp_model_load_buffer(&read, data + 1, SIZE_MAX, NULL), TP_ERROR_INVALID_ARGUMENT);
    MUST(tp_model_save(model, PATH("model")));
    int descriptor = open(PATH("model"), O_RDONLY);
    CHECK_EQUAL(read == NULL && descriptor >= 0 ? (long long)pread(descriptor, file, size + 1, 0) : -1,
                (long long)size);
    close(descriptor);
    CHECK(!memcmp(data + 1, file, size));
    free(data);
    free(file);
    tp_model_free(model);
}

static void check_refusals(void) {
    tp_model *model = fixture_model(TP_ACTIVATION_RELU), *read = (tp_model *)folder;
    tp_trainer *trainer = (tp_trainer *)folder;
    CHECK_EQUAL(tp_model_load(&read, PATH("absent"), NULL), TP_ERROR_NOT_FOUND);
    CHECK(!read);
    CHECK_NAMES(tp_error_message(), "absent");
    CHECK_EQUAL(tp_model_load(&read, folder, NULL), TP_ERROR_FORMAT);
    CHECK_NAMES(tp_error_message(), "folder");
    CHECK_EQUAL(tp_model_save(model, folder), TP_ERROR_IO);
    CHECK_NAMES(tp_error_message(), "folder");
    CHECK_EQUAL(tp_model_save(model, PATH("no/model")), TP_ERROR_NOT_FOUND);
    CHECK_EQUAL(tp_model_save(model, PATH("model/")), TP_ERROR_NOT_FOUND);
    CHECK_EQUAL(tp_model_save(model, ""), TP_ERROR_NOT_FOUND);
    CHECK_EQUAL(tp_model_save(model, "/dev/null"), TP_ERROR_IO);
    CHECK_NAMES(tp_error_message(), "device");
    char *longest = malloc(10000);
    if (!longest) exit(2);
    memset(longest, 'a', 9999);
    longest[9999] = 0;
    CHECK_EQUAL(tp_model_save(model, longest), TP_ERROR_IO);
    CHECK_EQUAL(tp_model_load(&read, longest, NULL), TP_ERROR_IO);
    CHECK(strlen(tp_error_message()) < 1024);
    free(longest);
    MUST(tp_model_save(model, PATH("model")));
    CHECK_EQUAL(tp_trainer_load(&trainer, PATH("model")), TP_ERROR_FORMAT);
    CHECK(!trainer);
    CHECK_NAMES(tp_error_message(), "no trainer");
    CHECK_EQUAL(tp_model_set_metadata(model, "teleport.x", "1"), TP_ERROR_INVALID_ARGUMENT);
    tp_model_free(model);
}

/* Links are followed, permissions kept, nothing is left beside the file. */
static void check_places(void) {
    struct stat status;
    tp_model *model = fixture_model(TP_ACTIVATION_RELU), *read = NULL;
    MUST(tp_model_save(model, PATH("real")));
    CHECK(chmod(PATH("real"), 0640) == 0);
    CHECK(symlink("real", PATH("link")) == 0);
    tp_model *other = fixture_model(TP_ACTIVATION_TANH);
    CHECK_EQUAL(tp_model_save(other, PATH("link")), TP_OK);
    CHECK(lstat(PATH("link"), &status) == 0 && S_ISLNK(status.st_mode));
    CHECK(stat(PATH("real"), &status) == 0 && (status.st_mode & 0777) == 0640);
    MUST(tp_model_load(&read, PATH("real"), NULL));
    tp_model_config config;
    MUST(tp_model_config_init(&config, sizeof config));
    MUST(tp_model_get_config(read, &config));
    CHECK_EQUAL(config.activation, TP_ACTIVATION_TANH);
    tp_model_free(read);
    CHECK(symlink("nothing", PATH("dangling")) == 0);
    CHECK_EQUAL(tp_model_save(other, PATH("dangling")), TP_ERROR_NOT_FOUND);
    CHECK(mkfifo(PATH("fifo"), 0600) == 0);
    CHECK_EQUAL(tp_model_save(other, PATH("fifo")), TP_ERROR_IO);
    CHECK_EQUAL(tp_model_load(&read, PATH("fifo"), NULL), TP_ERROR_FORMAT);
    /* What a killed process left is removed; what another process holds open for writing is not. */
    CHECK(close(open(path_of("real.tmp", 1), O_CREAT | O_WRONLY, 0600)) == 0);
    CHECK_EQUAL(tp_model_save(other, PATH("real")), TP_OK);
    CHECK(access(path_of("real.tmp", 1), F_OK) != 0);
    CHECK(chdir(folder) == 0);
    CHECK_EQUAL(tp_model_save(other, "relative"), TP_OK);
    CHECK(access(path_of("relative", 1), F_OK) == 0);
    tp_model_free(model);
    tp_model_free(other);
}

static int64_t steps_in(const char *path) {
    tp_trainer *trainer = NULL;
    if (tp_trainer_load(&trainer, path)) return -1;
    int64_t steps = tp_trainer_step_count(trainer);
    tp_trainer_free(trainer);
    return steps;
}

static void check_automatic_checkpoints(void) {
    tp_dataset *dataset = fixture_dataset();
    tp_model *model = fixture_model(TP_ACTIVATION_RELU);
    tp_trainer *trainer = fixture_trainer(model);
    tp_run_config run;
    MUST(tp_run_config_init(&run, sizeof run));
    run.batch_size = 16;
    run.epochs = 3;
    run.checkpoint_path = path_of("auto", 1);
    run.checkpoint_steps = 4;
    run.checkpoint_keep = 3;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_OK);
    /* At 4, 8, 12, 16 and the end, 18; the last three are kept. */
    CHECK_EQUAL(steps_in(path_of("auto", 1)), 18);
    CHECK_EQUAL(steps_in(PATH("auto.1")), 16);
    CHECK_EQUAL(steps_in(PATH("auto.2")), 12);
    CHECK(access(PATH("auto.3"), F_OK) != 0);
    CHECK(access(PATH("auto.tmp"), F_OK) != 0);
    run.checkpoint_path = path_of("epochs", 1);
    run.checkpoint_steps = 0;
    run.checkpoint_keep = 2;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_OK);
    CHECK_EQUAL(steps_in(path_of("epochs", 1)), 36);
    CHECK_EQUAL(steps_in(PATH("epochs.1")), 30);
    run.checkpoint_path = path_of("time", 1);
    run.checkpoint_seconds = 1e-9;
    run.checkpoint_keep = 2;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_OK);
    CHECK_EQUAL(steps_in(PATH("time.1")), 53);
    /* A place where nothing can be written is noticed before the first step. */
    run.checkpoint_path = path_of("no/where", 1);
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_ERROR_NOT_FOUND);
    CHECK_NAMES(tp_error_message(), "no/where");
    CHECK_EQUAL(tp_trainer_step_count(trainer), 54);
    run.checkpoint_path = NULL;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_ERROR_INVALID_ARGUMENT);
    run.checkpoint_seconds = 0;
    run.checkpoint_keep = 0;
    CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_OK);
    CHECK_EQUAL(tp_trainer_step_count(trainer), 72);
    tp_trainer_free(trainer);
    tp_model_free(model);
    tp_dataset_free(dataset);
}

/* A number in a file that is none makes it a bad file, in memory as on the disk, and no argument of the host's. */
static void check_no_number(void) {
    static char data[16384];
    tp_model_config config;
    tp_model *model = NULL, *read = NULL;
    static const int32_t widths[] = {3, 1, 4};
    size_t size = 0, i = 0;
    MUST(tp_model_config_init(&config, sizeof config));
    config.negative_slope = 0.1f;
    MUST(tp_model_create_mlp(&model, widths, 3, &config));
    MUST(tp_model_save_buffer(model, data, sizeof data, &size));
    static const char text[] = "negative_slope\":\"0.1\"";
    while (i + sizeof text < size && memcmp(data + i, text, sizeof text - 1)) i++;
    memcpy(data + i + sizeof text - 5, "nan", 3);
    CHECK_EQUAL(tp_model_load_buffer(&read, data, size, NULL), TP_ERROR_FORMAT);
    CHECK_NAMES(tp_error_message(), "negative_slope is nan");
    FILE *file = fopen(PATH("nan"), "wb");
    if (!CHECK(file && fwrite(data, size, 1, file) == 1 && fclose(file) == 0)) return;
    CHECK_EQUAL(tp_model_load(&read, PATH("nan"), NULL), TP_ERROR_FORMAT);
    CHECK_NAMES(tp_error_message(), "negative_slope is nan");
    CHECK(!read);
    tp_model_free(model);
}

int main(void) {
    fixture_fill();
    if (!mkdtemp(folder)) return 2;
    check_models();
    check_buffers();
    check_refusals();
    check_places();
    check_no_number();
    check_automatic_checkpoints();
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
    return check_finish();
}
