/* The yardstick for reading images: libpng's classic API over every .png file below a folder, one reused buffer for
 * rows and one for the file. Prints files, seconds and images a second.
 *
 *   cc -O2 bench/libpng-loop.c -lpng -o libpng-loop && ./libpng-loop [--read] FOLDER [PROCESSES]
 *
 * --read only reads the files. PROCESSES (1) share the files, every n-th each. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned char *file_bytes, *pixels;
static size_t file_capacity, pixel_capacity;
static char **paths;
static size_t path_count, path_capacity;
static unsigned long checksum;
static int only_read;

typedef struct source {
    const unsigned char *next;
    size_t left;
} source;

static void read_block(png_structp png, png_bytep out, size_t count) {
    source *from = png_get_io_ptr(png);
    if (count > from->left) png_error(png, "the file ends too early");
    memcpy(out, from->next, count);
    from->next += count;
    from->left -= count;
}

static void grow(unsigned char **block, size_t *capacity, size_t needed) {
    if (needed <= *capacity) return;
    *block = realloc(*block, needed);
    *capacity = needed;
    if (!*block) exit(1);
}

static int read_file(const char *path, size_t *size_out) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    struct stat status;
    if (fstat(file, &status) != 0) {
        close(file);
        return -1;
    }
    size_t size = (size_t)status.st_size;
    grow(&file_bytes, &file_capacity, size);
    ssize_t count = read(file, file_bytes, size);
    close(file);
    *size_out = size;
    return count == (ssize_t)size ? 0 : -1;
}

static int decode(const char *path) {
    size_t size;
    if (read_file(path, &size)) return -1;
    if (only_read) return checksum += file_bytes[size / 2], 0;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) return -1;
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_read_struct(&png, &info, NULL);
        return -1;
    }
    source from = {file_bytes, size};
    png_set_read_fn(png, &from, read_block);
    png_read_info(png, info);
    png_set_expand(png);
    png_set_strip_16(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t stride = png_get_rowbytes(png, info);
    size_t height = png_get_image_height(png, info);
    int passes = png_get_interlace_type(png, info) == PNG_INTERLACE_NONE ? 1 : 7;
    grow(&pixels, &pixel_capacity, stride * height);
    for (int pass = 0; pass < passes; pass++) {
        for (size_t y = 0; y < height; y++) png_read_row(png, pixels + y * stride, NULL);
    }
    png_read_end(png, NULL);
    png_destroy_read_struct(&png, &info, NULL);
    checksum += pixels[stride * height / 2];
    return 0;
}

static int visit(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)place;
    size_t length = strlen(path);
    if (kind != FTW_F || length < 4 || strcasecmp(path + length - 4, ".png") != 0) return 0;
    if (path_count == path_capacity) {
        path_capacity = path_capacity ? 2 * path_capacity : 1024;
        paths = realloc(paths, path_capacity * sizeof *paths);
        if (!paths) return -1;
    }
    paths[path_count] = strdup(path);
    return paths[path_count++] ? 0 : -1;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static size_t decode_share(size_t first, size_t processes) {
    size_t bad = 0;
    for (size_t i = first; i < path_count; i += processes) bad += decode(paths[i]) != 0;
    return bad;
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "--read")) only_read = 1, argc--, argv++;
    int processes = argc == 3 ? atoi(argv[2]) : 1;
    if (argc < 2 || argc > 3 || processes < 1) {
        fprintf(stderr, "usage: libpng-loop [--read] FOLDER [PROCESSES]\n");
        return 2;
    }
    double began = now();
    if (nftw(argv[1], visit, 16, FTW_PHYS) != 0) {
        fprintf(stderr, "cannot walk %s\n", argv[1]);
        return 1;
    }
    qsort(paths, path_count, sizeof *paths, by_bytes);
    double listed = now();
    for (int i = 1; i < processes; i++) {
        if (fork() == 0) _exit(decode_share((size_t)i, (size_t)processes) != 0);
    }
    size_t bad = decode_share(0, (size_t)processes);
    for (int status; wait(&status) > 0;) bad += status != 0;
    double seconds = now() - began;
    printf("%zu images, %zu bad, %.3f s (listing %.3f s), %.0f images/s, checksum %lu\n", path_count, bad,
           seconds, listed - began, (double)path_count / seconds, checksum);
    return bad != 0;
}
