/* Runs a target on files and on the files of folders: a corpus as an ordinary test. */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/stat.h>
#include <time.h>

#include "fuzz.h"

static int files, slow;

static void replay(const char *path) {
    struct stat status;
    if (stat(path, &status)) {
        perror(path);
        exit(2);
    }
    if (S_ISDIR(status.st_mode)) {
        DIR *folder = opendir(path);
        for (struct dirent *entry; folder && (entry = readdir(folder));) {
            char inner[4096];
            if (entry->d_name[0] == '.') continue;
            snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
            replay(inner);
        }
        if (folder) closedir(folder);
        return;
    }
    FILE *file = fopen(path, "rb");
    /* Of the exact size, so that valgrind and AddressSanitizer see a read past the end. */
    uint8_t *data = malloc(status.st_size ? (size_t)status.st_size : 1);
    if (!file || !data || fread(data, 1, (size_t)status.st_size, file) != (size_t)status.st_size) exit(2);
    fclose(file);
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    LLVMFuzzerTestOneInput(data, (size_t)status.st_size);
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (end.tv_sec - begin.tv_sec > 5) {
        printf("%s takes more than 5 s\n", path);
        slow++;
    }
    files++;
    free(data);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) replay(argv[i]);
    printf("%d passed, %d failed\n", files - slow, slow + (files == 0));
    return slow || !files;
}
