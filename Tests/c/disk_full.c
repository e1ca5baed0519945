/* A full disk is a status: the old file stays, nothing is left beside it, and when there is room again saving goes on.
 * Needs a small file system of its own, hence root or user namespaces; says so and stops where there are neither. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

static char folder[] = "/tmp/tp-full-XXXXXX";
static char path[64], filler[64];

static int mount_small(void) {
    if (unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS)) return -1;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) return -1;
    return mount("tmpfs", folder, "tmpfs", 0, "size=64k,mode=0777");
}

static void fill(long room) {
    static char zeros[4096];
    int file = open(filler, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    while (write(file, zeros, sizeof zeros) > 0) {}
    if (room > 0) CHECK(ftruncate(file, lseek(file, 0, SEEK_END) - room) == 0);
    close(file);
}

static int files(void) {
    int count = 0;
    DIR *open_folder = opendir(folder);
    for (struct dirent *entry; (entry = readdir(open_folder));) count += entry->d_name[0] != '.';
    closedir(open_folder);
    return count;
}

static int64_t saved_steps(void) {
    tp_trainer *read = NULL;
    if (tp_trainer_load(&read, path)) return -1;
    int64_t steps = tp_trainer_step_count(read);
    tp_trainer_free(read);
    return steps;
}

int main(void) {
    static const int32_t widths[] = {input_width, 64, 64, class_count};
    tp_model *model = NULL;
    tp_run_config run;
    fixture_fill();
    if (!mkdtemp(folder)) return 2;
    if (mount_small()) {
        printf("skipped: no file system can be mounted here (%s)\n", strerror(errno));
        rmdir(folder);
        CHECK(1);
        return check_finish();
    }
    snprintf(path, sizeof path, "%s/trainer", folder);
    snprintf(filler, sizeof filler, "%s/filler", folder);
    /* 20 kB: the disk holds the old file and the new one. */
    MUST(tp_model_create_mlp(&model, widths, 4, NULL));
    tp_trainer *trainer = fixture_trainer(model);
    tp_dataset *dataset = fixture_dataset();
    CHECK_EQUAL(tp_trainer_save(trainer, path), TP_OK);
    MUST(tp_run_config_init(&run, sizeof run));
    run.checkpoint_path = path;
    for (long room = 0; room <= 16384; room += 4096) {
        fill(room);
        float *before = fixture_parameters(model);
        CHECK_EQUAL(tp_trainer_save(trainer, path), TP_ERROR_IO);
        CHECK_NAMES(tp_error_message(), "No space left on device");
        CHECK_NAMES(tp_error_message(), path);
        CHECK(fixture_equals(model, before));
        free(before);
        CHECK_EQUAL(files(), 2);
        int64_t saved = saved_steps();
        CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_ERROR_IO);
        CHECK_EQUAL(saved_steps(), saved);
        CHECK(unlink(filler) == 0);
        CHECK_EQUAL(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL), TP_OK);
        CHECK_EQUAL(saved_steps(), tp_trainer_step_count(trainer));
        CHECK_EQUAL(files(), 1);
    }
    tp_trainer_free(trainer);
    tp_model_free(model);
    tp_dataset_free(dataset);
    CHECK(umount(folder) == 0);
    rmdir(folder);
    return check_finish();
}
