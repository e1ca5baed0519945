#define _GNU_SOURCE
#include "shims.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Deflate codes at most 258 bytes in 2 bits. */
#define MOST_INFLATION 1032

/* Bytes of IDAT after what the last row can need: some encoders end with an empty block, none with more pixels. */
#define MOST_DATA_AFTER_ROWS 8192

#define IDAT_NAME 0x49444154

static void keep_text(char *text, size_t capacity, const char *source) {
    snprintf(text, capacity, "%s", source ? source : "unknown error");
}

static void on_error(png_structp png, png_const_charp text) {
    shim_png *image = png_get_error_ptr(png);
    /* For a bad header libpng says why in a warning. */
    if (image->warning[0] && text && strcmp(text, "Invalid IHDR data") == 0) text = image->warning;
    keep_text(image->message, sizeof image->message, text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    shim_png *image = png_get_error_ptr(png);
    keep_text(image->warning, sizeof image->warning, text);
}

/* libpng says "out of memory" for chunks past its limits too: only this tells the two apart. */
static png_voidp take_memory(png_structp png, png_alloc_size_t size) {
    void *block = malloc(size);
    if (!block) ((shim_png *)png_get_mem_ptr(png))->out_of_memory = 1;
    return block;
}

static void give_memory(png_structp png, png_voidp block) {
    (void)png;
    free(block);
}

/* Bytes now in the input, 0 at the end of the file, -1 with system_error. */
static ssize_t refill(shim_png *image) {
    if (image->file < 0) return 0;
    ssize_t count;
    do count = read(image->file, image->input, image->input_capacity);
    while (count < 0 && errno == EINTR);
    if (count < 0) image->system_error = errno;
    image->input_next = 0;
    image->input_count = count > 0 ? (size_t)count : 0;
    return count;
}

static void read_input(png_structp png, png_bytep out, size_t count) {
    shim_png *image = png_get_io_ptr(png);
    /* libpng inflates what follows the last row up to its end, whatever that is. */
    if (image->rows_left == 0 && png_get_io_chunk_type(png) == IDAT_NAME &&
        (png_get_io_state(png) & PNG_IO_MASK_LOC) == PNG_IO_CHUNK_DATA) {
        if (count > image->data_left) png_error(png, "the image data go on after the last row");
        image->data_left -= count;
    }
    while (count > 0) {
        size_t ready = image->input_count - image->input_next;
        if (ready == 0) {
            ssize_t more = refill(image);
            if (more < 0) png_error(png, "the file cannot be read");
            if (more == 0) png_error(png, "the file ends too early");
            continue;
        }
        if (ready > count) ready = count;
        memcpy(out, image->input + image->input_next, ready);
        image->input_next += ready;
        out += ready;
        count -= ready;
    }
}

static int refuse(shim_png *image, const char *text) {
    keep_text(image->message, sizeof image->message, text);
    return -1;
}

static int check_size(shim_png *image, uint64_t width, uint64_t height, const shim_png_limits *limits) {
    if (width > limits->max_width || height > limits->max_height) {
        snprintf(image->message, sizeof image->message,
                 "%llu x %llu pixels, but at most %lu x %lu are allowed", (unsigned long long)width,
                 (unsigned long long)height, (unsigned long)limits->max_width,
                 (unsigned long)limits->max_height);
        return -1;
    }
    if (width * height > limits->max_pixels) {
        snprintf(image->message, sizeof image->message,
                 "%llu x %llu pixels, but at most %llu in all are allowed", (unsigned long long)width,
                 (unsigned long long)height, (unsigned long long)limits->max_pixels);
        return -1;
    }
    return 0;
}

/* The size stands at a fixed place: refuse it before libpng has taken memory for anything. libpng lets chunks come
 * before it, and their file past these limits. What is no PNG at all is left to libpng's own words. */
static int check_first_bytes(shim_png *image, const shim_png_limits *limits) {
    if (image->input_count == 0 && refill(image) < 0) return refuse(image, "the file cannot be read");
    if (image->input_count == 0) return refuse(image, "the file is empty");
    if (image->input_count < 24 || png_sig_cmp(image->input, 0, 8) != 0) return 0;
    if (memcmp(image->input + 12, "IHDR", 4) != 0) return refuse(image, "the first chunk is not IHDR");
    return check_size(image, png_get_uint_32(image->input + 16), png_get_uint_32(image->input + 20),
                      limits);
}

static void read_colours(shim_png *image) {
    png_structp png = image->png;
    png_infop info = image->info;
    image->palette_count = 0;
    image->has_transparency = 0;
    png_bytep alpha = NULL;
    int alpha_count = 0;
    png_color_16p colour = NULL;
    if (png_get_tRNS(png, info, &alpha, &alpha_count, &colour)) {
        image->has_transparency = 1;
    }
    if (png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE) {
        png_colorp palette = NULL;
        int count = 0;
        png_get_PLTE(png, info, &palette, &count);
        if (!palette || count < 1) png_error(png, "no palette");
        if (count > 256) count = 256;
        for (int i = 0; i < count; i++) {
            uint8_t *entry = image->palette + 4 * i;
            entry[0] = palette[i].red;
            entry[1] = palette[i].green;
            entry[2] = palette[i].blue;
            entry[3] = alpha && i < alpha_count ? alpha[i] : 255;
        }
        image->palette_count = count;
    } else if (image->has_transparency && colour) {
        /* The specification keeps bits above the stored depth zero; as libpng, look at the others only. */
        unsigned mask = (1u << image->bit_depth) - 1;
        int grey = image->channels == 1;
        image->transparent[0] = (uint16_t)((grey ? colour->gray : colour->red) & mask);
        image->transparent[1] = (uint16_t)(colour->green & mask);
        image->transparent[2] = (uint16_t)(colour->blue & mask);
    }
}

/* Rows that the file has: those of an interlaced image's passes, without passes that have no pixel. */
static uint64_t row_count(const shim_png *image) {
    uint64_t rows = 0;
    if (!image->interlaced) return image->height;
    for (int pass = 0; pass < PNG_INTERLACE_ADAM7_PASSES; pass++) {
        if (PNG_PASS_COLS(image->width, pass) > 0) rows += PNG_PASS_ROWS(image->height, pass);
    }
    return rows;
}

int shim_png_begin(shim_png *image, const shim_png_limits *limits) {
    image->png = NULL;
    image->info = NULL;
    image->input_next = 0;
    image->system_error = 0;
    image->out_of_memory = 0;
    image->rows_left = UINT64_MAX;
    image->warning[0] = 0;
    image->message[0] = 0;
    if (check_first_bytes(image, limits)) return -1;

    png_structp png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, image, on_error, on_warning, image,
                                               take_memory, give_memory);
    if (!png) {
        if (!image->message[0]) refuse(image, image->out_of_memory ? "no memory" : "libpng cannot start");
        return -1;
    }
    image->png = png;
    if (setjmp(png_jmpbuf(png))) return -1;

    image->info = png_create_info_struct(png);
    if (!image->info) png_error(png, "no memory");
    png_set_read_fn(png, image, read_input);
    png_set_user_limits(png, limits->max_width, limits->max_height);
    png_set_chunk_malloc_max(png, (png_alloc_size_t)limits->max_chunk_bytes);
    /* All that is not IHDR, PLTE, tRNS, IDAT or IEND is neither unpacked nor kept. */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    /* libpng would only warn of an index past the palette; the reader of the rows refuses it. */
    png_set_check_for_invalid_index(png, -1);
    png_read_info(png, image->info);

    image->width = png_get_image_width(png, image->info);
    image->height = png_get_image_height(png, image->info);
    image->bit_depth = png_get_bit_depth(png, image->info);
    image->channels = png_get_channels(png, image->info);
    image->interlaced = png_get_interlace_type(png, image->info) != PNG_INTERLACE_NONE;
    image->rows_left = row_count(image);
    image->data_left = png_get_rowbytes(png, image->info) + MOST_DATA_AFTER_ROWS;
    read_colours(image);

    uint64_t bits = (uint64_t)image->width * image->height * (unsigned)(image->bit_depth * image->channels);
    uint64_t bytes = image->file < 0 ? image->input_count : image->file_size;
    if (bits / 8 / MOST_INFLATION > bytes) {
        snprintf(image->message, sizeof image->message,
                 "%lu x %lu pixels cannot come out of a file of %llu bytes", (unsigned long)image->width,
                 (unsigned long)image->height, (unsigned long long)bytes);
        return -1;
    }
    return 0;
}

int shim_png_read_rows(shim_png *image, uint8_t *rows, size_t stride, uint32_t count) {
    png_structp png = image->png;
    if (setjmp(png_jmpbuf(png))) return -1;
    for (uint32_t i = 0; i < count; i++) {
        image->rows_left -= 1;
        png_read_row(png, rows + i * stride, NULL);
    }
    return 0;
}

int shim_png_finish(shim_png *image) {
    png_structp png = image->png;
    if (setjmp(png_jmpbuf(png))) return -1;
    png_read_end(png, NULL);
    /* libpng passes over a chunk that it has no memory for: then the image is not what the file says. */
    return image->out_of_memory ? refuse(image, "no memory") : 0;
}

void shim_png_end(shim_png *image) {
    png_structp png = image->png;
    png_infop info = image->info;
    image->png = NULL;
    image->info = NULL;
    if (png) png_destroy_read_struct(&png, &info, NULL);
}
