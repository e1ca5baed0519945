/* Images that are read whenever they are drawn: the same samples and the same weights to the bit as with pixels in
 * memory, with and without changes, and an error that names a file that is gone. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

enum { image_count = 40, side = 8, width = 3 * side * side };

static char folder[64], paths[image_count][128];

/* Stored, not compressed: no zlib is needed to write it. */
static void put(unsigned char **to, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) *(*to)++ = (unsigned char)(value >> shift);
}

static void put_chunk(unsigned char **to, const char *kind, const unsigned char *data, uint32_t size) {
    unsigned char *start;
    uint32_t sum = 0xffffffff;
    put(to, size);
    start = *to;
    memcpy(*to, kind, 4);
    if (size) memcpy(*to + 4, data, size);
    *to += 4 + size;
    for (const unsigned char *at = start; at < *to; at++) {
        sum ^= *at;
        for (int bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >> 1 ^ 0xedb88320 : sum >> 1;
    }
    put(to, ~sum);
}

static void write_image(const char *path, uint32_t seed) {
    unsigned char file[1024], *end = file, header[13] = {0}, data[512], *at = data;
    const uint32_t rows = (1 + 3 * side) * side;
    uint32_t a = 1, b = 0;
    memcpy(end, "\x89PNG\r\n\x1a\n", 8);
    end += 8;
    header[3] = header[7] = side;
    header[8] = 8;
    header[9] = 2;
    put_chunk(&end, "IHDR", header, sizeof header);
    memcpy(at, "\x78\x01\x01", 3);
    at += 3;
    *at++ = (unsigned char)(rows & 255);
    *at++ = (unsigned char)(rows >> 8);
    *at++ = (unsigned char)(~rows & 255);
    *at++ = (unsigned char)(~rows >> 8 & 255);
    for (uint32_t i = 0; i < rows; i++) {
        seed = seed * 1664525u + 1013904223u;
        *at = i % (1 + 3 * side) ? (unsigned char)(seed >> 24) : 0;
        a = (a + *at++) % 65521;
        b = (b + a) % 65521;
    }
    put(&at, b << 16 | a);
    put_chunk(&end, "IDAT", data, (uint32_t)(at - data));
    put_chunk(&end, "IEND", NULL, 0);
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(file, 1, (size_t)(end - file), out) != (size_t)(end - file) || fclose(out)) exit(2);
}

static void write_folder(void) {
    snprintf(folder, sizeof folder, "/dev/shm/tp-image-paths-%d", (int)getpid());
    if (mkdir(folder, 0700)) exit(2);
    for (int i = 0; i < image_count; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s/%c", folder, "abc"[i % 3]);
        mkdir(name, 0700);
        snprintf(paths[i], sizeof paths[i], "%s/%02d.png", name, i);
        write_image(paths[i], (uint32_t)i);
    }
}

static void remove_folder(void) {
    for (int i = 0; i < image_count; i++) unlink(paths[i]);
    for (int i = 0; i < 3; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s/%c", folder, "abc"[i]);
        rmdir(name);
    }
    rmdir(folder);
}

static tp_dataset *read_folder(int32_t keep, int64_t images) {
    tp_dataset *dataset = NULL;
    tp_image_config config;
    MUST(tp_image_config_init(&config, sizeof config));
    config.keep = keep;
    config.keep_bytes = images * width;
    MUST(tp_dataset_from_image_folder(&dataset, folder, &config, NULL, NULL));
    return dataset;
}

static tp_augment_config changes(void) {
    tp_augment_config config;
    MUST(tp_augment_config_init(&config, sizeof config));
    config.flip = 0.5;
    config.crop = 0.5;
    config.shift = 1;
    return config;
}

static tp_trainer *make_trainer(void) {
    static const int32_t widths[] = {width, 6, 3};
    tp_model *model = NULL;
    MUST(tp_model_create_mlp(&model, widths, 3, NULL));
    tp_trainer *trainer = fixture_trainer(model);
    tp_model_free(model);
    return trainer;
}

static tp_status run(tp_trainer *trainer, const tp_dataset *train, int32_t epochs, const int32_t *stop) {
    const tp_augment_config augment = changes();
    tp_run_config config;
    MUST(tp_run_config_init(&config, sizeof config));
    config.epochs = epochs;
    config.batch_size = 6;
    config.seed = 4;
    config.augment = &augment;
    config.stop_flag = stop;
    return tp_trainer_run(trainer, train, train, &config, NULL, NULL);
}

static float *weights_of(tp_trainer *trainer) {
    tp_model *model = NULL;
    MUST(tp_trainer_model(&model, trainer));
    float *weights = fixture_parameters(model);
    tp_model_free(model);
    return weights;
}

static int same_weights(tp_trainer *trainer, const float *expected) {
    tp_model *model = NULL;
    MUST(tp_trainer_model(&model, trainer));
    int same = fixture_equals(model, expected);
    tp_model_free(model);
    return same;
}

static void check_samples(const tp_dataset *pixels, const tp_dataset *files) {
    static float expected[image_count * width], x[image_count * width];
    static const int64_t order[] = {39, 0, 7, 7, 21};
    const tp_augment_config augment = changes();
    int32_t labels[5];
    CHECK_EQUAL(tp_dataset_count(files), image_count);
    MUST(tp_dataset_get(pixels, 0, image_count, expected, image_count * width, NULL, 0));
    for (int again = 0; again < 2; again++) {
        CHECK_EQUAL(tp_dataset_get(files, 0, image_count, x, image_count * width, NULL, 0), TP_OK);
        CHECK(!memcmp(x, expected, sizeof x));
    }
    MUST(tp_dataset_gather(pixels, order, 5, &augment, expected, 5 * width, labels, 5));
    CHECK_EQUAL(tp_dataset_gather(files, order, 5, &augment, x, 5 * width, labels, 5), TP_OK);
    CHECK(!memcmp(x, expected, 5 * width * sizeof *x));
    CHECK_EQUAL(labels[0], 2);
}

/* A set serves many threads, which keep and decode its images at once. */
typedef struct {
    const tp_dataset *files;
    const float *expected;
    int equal;
} reading;

static void *read_all(void *argument) {
    reading *r = argument;
    float *x = malloc(image_count * width * sizeof *x);
    if (!x) exit(2);
    for (int again = 0; again < 3; again++) {
        r->equal += tp_dataset_get(r->files, 0, image_count, x, image_count * width, NULL, 0) == TP_OK &&
                    !memcmp(x, r->expected, image_count * width * sizeof *x);
    }
    free(x);
    return NULL;
}

static void check_threads(const tp_dataset *pixels) {
    static float expected[image_count * width];
    enum { count = 4 };
    pthread_t threads[count];
    MUST(tp_dataset_get(pixels, 0, image_count, expected, image_count * width, NULL, 0));
    for (int64_t images = image_count / 2; images <= image_count; images += image_count / 2) {
        tp_dataset *files = read_folder(TP_KEEP_PATHS, images);
        reading readings[count];
        for (int i = 0; i < count; i++) {
            readings[i] = (reading){files, expected, 0};
            if (pthread_create(&threads[i], NULL, read_all, &readings[i])) exit(2);
        }
        for (int i = 0; i < count; i++) {
            pthread_join(threads[i], NULL);
            CHECK_EQUAL(readings[i].equal, 3);
        }
        tp_dataset_free(files);
    }
}

int main(void) {
    static const int64_t memory[] = {1, 2, 10, image_count - 1, image_count, 1000};
    static float x[width];
    write_folder();
    tp_dataset *pixels = read_folder(TP_KEEP_PIXELS, 1);
    tp_trainer *trainer = make_trainer();
    CHECK_EQUAL(run(trainer, pixels, 3, NULL), TP_OK);
    float *expected = weights_of(trainer);
    tp_trainer_free(trainer);
    for (int threads = 1; threads <= 3; threads++) {
        MUST(tp_set_thread_count(threads));
        for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
            tp_dataset *files = read_folder(TP_KEEP_PATHS, memory[i]);
            check_samples(pixels, files);
            trainer = make_trainer();
            CHECK_EQUAL(run(trainer, files, 3, NULL), TP_OK);
            CHECK(same_weights(trainer, expected));
            tp_trainer_free(trainer);
            tp_dataset_free(files);
        }
    }
    MUST(tp_set_thread_count(0));
    check_threads(pixels);

    /* A file that is gone ends the run where it is drawn, and another run goes on there. */
    tp_dataset *files = read_folder(TP_KEEP_PATHS, 4);
    trainer = make_trainer();
    CHECK_EQUAL(run(trainer, files, 1, NULL), TP_OK);
    unlink(paths[20]);
    CHECK_EQUAL(run(trainer, files, 2, NULL), TP_ERROR_NOT_FOUND);
    CHECK_NAMES(tp_error_message(), "20.png");
    CHECK_EQUAL(tp_trainer_epoch(trainer), 1);
    write_image(paths[20], 20);
    static const int32_t stop = 1;
    CHECK_EQUAL(run(trainer, files, 1, &stop), TP_STOPPED);
    CHECK_EQUAL(run(trainer, files, 2, NULL), TP_OK);
    CHECK(same_weights(trainer, expected));
    tp_trainer_free(trainer);

    /* The calls that decode can be stopped. */
    float mean[3], std[3];
    tp_dataset *made = NULL;
    MUST(tp_set_stop(&stop, NULL, NULL));
    CHECK_EQUAL(tp_dataset_get(files, 0, 1, x, width, NULL, 0), TP_STOPPED);
    CHECK_EQUAL(tp_dataset_channel_statistics(files, mean, std, 3), TP_STOPPED);
    CHECK_EQUAL(tp_dataset_normalized(&made, files, NULL), TP_STOPPED);
    CHECK(!made);
    MUST(tp_set_stop(NULL, NULL, NULL));

    tp_dataset_free(files);
    tp_dataset_free(pixels);
    free(expected);
    remove_folder();
    return check_finish();
}
