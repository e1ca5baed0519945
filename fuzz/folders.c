/* Image folders: each step of the input makes a file, folder, link, FIFO or socket with any name at any depth. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "fuzz.h"

static const uint8_t png[] = { /* one grey pixel */
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00,
    0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x60, 0x00, 0x00, 0x00, 0x02, 0x00, 0x01,
    0x48, 0xaf, 0xa4, 0x71, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    return remove(path);
}

/* A name of up to 12 of the input's bytes, often with the ending that counts. */
static void make_name(fuzz_bytes *bytes, char *name) {
    static const char *const usual[] = {"a", "b", "c.png", "D.PNG", ".png", ".hidden", "x.png", "..."};
    uint8_t kind = fuzz_byte(bytes);
    if (kind < 128) {
        strcpy(name, usual[kind % 8]);
        return;
    }
    size_t length = kind % 12 + 1;
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = fuzz_byte(bytes);
        name[i] = byte == 0 || byte == '/' ? '_' : (char)byte;
    }
    strcpy(name + length, kind & 64 ? ".png" : "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_bytes bytes = {data, size};
    char root[64], current[2048], path[2304], name[32], target[32];
    tp_image_config config;
    tp_dataset *dataset = NULL;
    snprintf(root, sizeof root, "/dev/shm/tp-fuzz-%d", (int)getpid());
    REQUIRE(mkdir(root, 0700) == 0);
    strcpy(current, root);
    REQUIRE(tp_image_config_init(&config, sizeof config) == TP_OK);
    uint8_t choice = fuzz_byte(&bytes);
    config.bad_image = choice & 1;
    config.allow_empty_classes = choice >> 1 & 1;
    config.flat = choice >> 2 & 1;
    config.nested_classes = choice >> 6 & 1;
    config.keep = choice >> 7; /* TP_KEEP_PATHS */
    static const char *const classes[] = {"a", "b", "..."};
    if (choice & 8) config.class_names = classes, config.class_count = choice >> 4 & 3;
    for (int step = 0; bytes.left && step < 60; step++) {
        uint8_t action = fuzz_byte(&bytes);
        make_name(&bytes, name);
        snprintf(path, sizeof path, "%s/%s", current, name);
        int file = -1;
        switch (action % 8) {
        case 0:
        case 1:
            file = open(path, O_CREAT | O_WRONLY | O_NONBLOCK, 0600);
            if (file >= 0) REQUIRE(write(file, png, action & 8 ? sizeof png : action % sizeof png) >= 0 || 1);
            if (file >= 0) close(file);
            break;
        case 2:
            if (mkdir(path, 0700) == 0 && strlen(path) < 1900) strcpy(current, path);
            break;
        case 3: strcpy(current, root); break;
        case 4:
            make_name(&bytes, target);
            if (symlink(action & 8 ? target : root, path)) break;
            break;
        case 5:
            if (mkfifo(path, 0600)) break;
            break;
        case 6:
            if (symlink(action & 8 ? ".." : action & 16 ? "/dev/null" : "loop", path)) break;
            break;
        default:
            if (mkdir(path, 0700)) break;
        }
    }
    tp_status status = fuzz_check(tp_dataset_from_image_folder(&dataset, root, &config, NULL, NULL));
    REQUIRE((status == TP_OK) == (dataset != NULL));
    for (int64_t i = 0; i < tp_dataset_count(dataset); i++) REQUIRE(strlen(tp_dataset_sample_path(dataset, i)) > 0);
    for (int32_t i = 0; i < tp_dataset_class_count(dataset); i++)
        REQUIRE(strlen(tp_dataset_class_name(dataset, i)) > 0);
    for (int64_t i = 0; i < tp_dataset_count(dataset); i++) {
        float x;
        tp_status drawn = fuzz_check(tp_dataset_get(dataset, i, 1, &x, 1, NULL, 0));
        REQUIRE(drawn == TP_OK || (config.keep == TP_KEEP_PATHS && config.bad_image == TP_BAD_IMAGE_FAIL));
    }
    tp_dataset_free(dataset);
    REQUIRE(nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0);
    return 0;
}
