/* Every system call that saving and loading make is made to fail, one after another: a status and a sentence that
 * names the file, the object as before, the old file whole, nothing left beside it. Calls that signals interrupt,
 * and reads and writes that do a part of what they are asked to, are no failures.
 *
 * The functions below stand before the system's: the library's calls come here. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

static int armed, calls, syncs, fail_at, fail_with, failed, in_parts, turn;
static const char *failed_call;
static void (*before_call)(const char *name);

static int fault(const char *name) {
    if (!armed) return 0;
    if (before_call) before_call(name);
    syncs += !strcmp(name, "fsync");
    if (calls++ != fail_at) return 0;
    failed = 1;
    failed_call = name;
    errno = fail_with;
    return 1;
}

/* Every second call is interrupted. */
static int interrupted(void) {
    if (!armed || !in_parts || turn++ % 2) return 0;
    errno = EINTR;
    return 1;
}

static size_t part(size_t count) { return armed && in_parts && count > 7 ? 7 : count; }

static int open_flags_mode(int flags, va_list list) {
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, int) : 0;
}

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int mode = open_flags_mode(flags, list);
    va_end(list);
    if (interrupted() || fault("open")) return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int mode = open_flags_mode(flags, list);
    va_end(list);
    if (interrupted() || fault("openat")) return -1;
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

ssize_t write(int file, const void *bytes, size_t count) {
    if (interrupted() || fault("write")) return -1;
    return syscall(SYS_write, file, bytes, part(count));
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset) {
    if (interrupted() || fault("pread")) return -1;
    return syscall(SYS_pread64, file, bytes, part(count), offset);
}

int fsync(int file) {
    if (interrupted() || fault("fsync")) return -1;
    return (int)syscall(SYS_fsync, file);
}

int flock(int file, int operation) {
    if (interrupted() || fault("flock")) return -1;
    return (int)syscall(SYS_flock, file, operation);
}

#define STAND_IN(name, parameters, number, ...)          \
    int name parameters {                                \
        if (fault(#name)) return -1;                     \
        return (int)syscall(number, __VA_ARGS__);        \
    }
STAND_IN(renameat, (int a, const char *b, int c, const char *d), SYS_renameat2, a, b, c, d, 0)
STAND_IN(linkat, (int a, const char *b, int c, const char *d, int flags), SYS_linkat, a, b, c, d, flags)
STAND_IN(unlinkat, (int folder, const char *name, int flags), SYS_unlinkat, folder, name, flags)
STAND_IN(fchmod, (int file, mode_t mode), SYS_fchmod, file, mode)
STAND_IN(fchown, (int file, uid_t user, gid_t group), SYS_fchown, file, user, group)
STAND_IN(fstat, (int file, struct stat *status), SYS_fstat, file, status)
STAND_IN(stat, (const char *path, struct stat *status), SYS_newfstatat, AT_FDCWD, path, status, 0)
STAND_IN(fstatat, (int folder, const char *path, struct stat *status, int flags), SYS_newfstatat, folder, path, status,
         flags)

static char folder[] = "/tmp/tp-faults-XXXXXX";
static char path[64], moved[64];
static tp_model *old_model, *new_model;
static tp_trainer *trainer;
static tp_dataset *dataset;

static void arm(int at, int number) {
    calls = syncs = failed = turn = 0;
    fail_at = at;
    fail_with = number;
    armed = 1;
}

static int files_in(const char *place) {
    int count = 0;
    DIR *open_folder = opendir(place);
    if (!open_folder) return -1;
    for (struct dirent *entry; (entry = readdir(open_folder));) count += entry->d_name[0] != '.';
    closedir(open_folder);
    return count;
}

static int holds(const char *place, const tp_model *model) {
    tp_model *read = NULL;
    if (tp_model_load(&read, place, NULL)) return 0;
    float *parameters = fixture_parameters(model);
    int equal = fixture_equals(read, parameters);
    free(parameters);
    tp_model_free(read);
    return equal;
}

/* Every call of a save fails in turn, with each of the errors. */
static void check_saves(void) {
    static const int numbers[] = {EIO, ENOSPC, EDQUOT, EACCES, ENOENT, EROFS, EMFILE, EINVAL};
    int kinds = 0;
    float *before = fixture_parameters(new_model);
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
        for (int at = 0;; at++) {
            MUST(tp_model_save(old_model, path));
            arm(at, numbers[n]);
            tp_status status = tp_model_save(new_model, path);
            armed = 0;
            if (!failed) {
                CHECK_EQUAL(status, TP_OK);
                CHECK(at >= 10);
                break;
            }
            kinds++;
            /* Some file systems have no locks, no owners, or cannot sync folders; and a temporary that was in the way
             * needs another name. The sync of the file itself is the first. */
            if (status == TP_OK) {
                int folder_sync = !strcmp(failed_call, "fsync") && syncs == 2 &&
                                  (numbers[n] == EINVAL || numbers[n] == EROFS);
                if (!CHECK(folder_sync || !strcmp(failed_call, "flock") || !strcmp(failed_call, "fchown") ||
                           !strcmp(failed_call, "fstat") || !strcmp(failed_call, "fstatat"))) {
                    printf("%s, error %d\n", failed_call, numbers[n]);
                }
                CHECK(holds(path, new_model));
                continue;
            }
            CHECK(status == TP_ERROR_IO || status == TP_ERROR_NOT_FOUND);
            CHECK_NAMES(tp_error_message(), path);
            CHECK(holds(path, old_model) || (!strcmp(failed_call, "fsync") && holds(path, new_model)));
            /* Only where the temporary itself cannot be removed may it stay; the next save removes it. */
            CHECK(files_in(folder) == 1 || !strcmp(failed_call, "unlinkat"));
        }
    }
    CHECK(kinds >= 80);
    CHECK(fixture_equals(new_model, before));
    MUST(tp_model_save(old_model, path));
    CHECK_EQUAL(files_in(folder), 1);
    free(before);
}

static void check_loads(void) {
    static const int numbers[] = {EIO, EACCES, ENOENT, ENOMEM, EMFILE};
    static const tp_status statuses[] = {TP_ERROR_IO, TP_ERROR_IO, TP_ERROR_NOT_FOUND, TP_ERROR_OUT_OF_MEMORY,
                                         TP_ERROR_IO};
    MUST(tp_trainer_save(trainer, path));
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
        for (int at = 0;; at++) {
            tp_trainer *read = trainer;
            arm(at, numbers[n]);
            tp_status status = tp_trainer_load(&read, path);
            armed = 0;
            if (!failed) {
                CHECK_EQUAL(status, TP_OK);
                CHECK(at >= 10);
                tp_trainer_free(read);
                break;
            }
            CHECK_EQUAL(status, statuses[n]);
            CHECK(!read);
        }
    }
}

static void check_interrupts_and_parts(void) {
    tp_trainer *read = NULL;
    in_parts = 1;
    arm(-1, 0);
    CHECK_EQUAL(tp_trainer_save(trainer, path), TP_OK);
    CHECK(turn > 100);
    turn = 0;
    CHECK_EQUAL(tp_trainer_load(&read, path), TP_OK);
    CHECK(turn > 100);
    armed = in_parts = 0;
    tp_model *first = NULL, *second = NULL;
    MUST(tp_trainer_model(&first, trainer));
    MUST(tp_trainer_model(&second, read));
    float *parameters = fixture_parameters(first);
    CHECK(fixture_equals(second, parameters));
    free(parameters);
    tp_model_free(first);
    tp_model_free(second);
    tp_trainer_free(read);
}

/* A checkpoint of a run that fails leaves the ones before it in their places and the trainer as it is. */
static void check_rotation(void) {
    char last[80];
    tp_run_config run;
    MUST(tp_run_config_init(&run, sizeof run));
    run.checkpoint_path = path;
    run.checkpoint_keep = 3;
    snprintf(last, sizeof last, "%s.2", path);
    for (int at = 0;; at++) {
        tp_trainer *read = NULL;
        MUST(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
        MUST(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
        MUST(tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL));
        int64_t epoch = tp_trainer_epoch(trainer);
        arm(at, ENOSPC);
        tp_status status = tp_trainer_run(trainer, dataset, NULL, &run, NULL, NULL);
        armed = 0;
        /* The place of the checkpoint is looked at before the first step, by the first few calls. */
        const int64_t done = tp_trainer_epoch(trainer) - epoch;
        CHECK(done == 1 || (done == 0 && status != TP_OK && at < 4));
        CHECK_EQUAL(tp_trainer_load(&read, path), TP_OK);
        CHECK(tp_trainer_epoch(read) == epoch + (status == TP_OK) || !strcmp(failed_call, "fsync"));
        tp_trainer_free(read);
        if (!failed) {
            CHECK_EQUAL(status, TP_OK);
            CHECK_EQUAL(tp_trainer_load(&read, last), TP_OK);
            CHECK_EQUAL(tp_trainer_epoch(read), epoch - 1);
            tp_trainer_free(read);
            break;
        }
        CHECK(status == TP_OK || status == TP_ERROR_IO);
    }
    CHECK_EQUAL(files_in(folder), 3);
}

static void truncate_file(const char *name) {
    if (!strcmp(name, "pread") && calls > 4) CHECK(truncate(path, 700) == 0);
}

static void move_folder(const char *name) {
    if (!strcmp(name, "write")) CHECK(rename(folder, moved) == 0 || errno == ENOENT);
}

static void remove_temporary(const char *name) {
    char temporary[80];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if (!strcmp(name, "write")) unlink(temporary);
}

static void check_changes_under_way(void) {
    tp_trainer *read = NULL;
    MUST(tp_trainer_save(trainer, path));
    arm(-1, 0);
    before_call = truncate_file;
    CHECK_EQUAL(tp_trainer_load(&read, path), TP_ERROR_FORMAT);
    CHECK_NAMES(tp_error_message(), "while it is read");
    /* A folder that is moved is still the folder that was asked for. */
    MUST(tp_model_save(old_model, path));
    arm(-1, 0);
    before_call = move_folder;
    CHECK_EQUAL(tp_model_save(new_model, path), TP_OK);
    before_call = NULL;
    armed = 0;
    CHECK(rename(moved, folder) == 0);
    CHECK(holds(path, new_model));
    /* A temporary that somebody else removes. */
    arm(-1, 0);
    before_call = remove_temporary;
    CHECK_EQUAL(tp_model_save(old_model, path), TP_ERROR_NOT_FOUND);
    before_call = NULL;
    armed = 0;
    CHECK(holds(path, new_model));
}

/* A limit on the size of files raises SIGXFSZ, which would end the process. */
static void check_file_size_limit(void) {
    struct rlimit limit, old;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 1000;
    MUST(tp_model_save(old_model, path));
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    tp_status status = tp_model_save(new_model, path);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_EQUAL(status, TP_ERROR_IO);
    CHECK_NAMES(tp_error_message(), "File too large");
    CHECK(holds(path, old_model));
    sigset_t blocked, pending;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    sigpending(&pending);
    CHECK(!sigismember(&blocked, SIGXFSZ) && !sigismember(&pending, SIGXFSZ));
}

/* Without the superuser's rights, where this runs with them. */
static void check_permissions(void) {
    tp_model *read = NULL;
    MUST(tp_model_save(old_model, path));
    CHECK(chown(folder, 65534, 65534) == 0 || getuid() != 0);
    CHECK(chown(path, 65534, 65534) == 0 || getuid() != 0);
    if (getuid() == 0) CHECK(seteuid(65534) == 0);
    CHECK(chmod(path, 0444) == 0);
    CHECK_EQUAL(tp_model_save(new_model, path), TP_ERROR_IO);
    CHECK_NAMES(tp_error_message(), "Permission denied");
    CHECK(holds(path, old_model));
    CHECK(chmod(path, 0) == 0);
    CHECK_EQUAL(tp_model_load(&read, path, NULL), TP_ERROR_IO);
    CHECK_NAMES(tp_error_message(), "Permission denied");
    CHECK(chmod(path, 0600) == 0);
    CHECK(chmod(folder, 0500) == 0);
    CHECK_EQUAL(tp_model_save(new_model, path), TP_ERROR_IO);
    CHECK_NAMES(tp_error_message(), "Permission denied");
    CHECK(holds(path, old_model));
    CHECK(chmod(folder, 0) == 0);
    CHECK_EQUAL(tp_model_save(new_model, path), TP_ERROR_IO);
    CHECK_EQUAL(tp_model_load(&read, path, NULL), TP_ERROR_IO);
    CHECK(chmod(folder, 0700) == 0);
    CHECK_EQUAL(tp_model_save(new_model, path), TP_OK);
    if (getuid() == 0) CHECK(seteuid(0) == 0);
}

/* A folder that vanishes between two checkpoints ends the run; training goes on where the host says next. */
static int32_t remove_folder(const tp_event *event, void *user_data) {
    (void)user_data;
    if (event->kind == TP_EVENT_EPOCH && event->epoch % 2 == 0) {
        unlink(path);
        CHECK(rmdir(folder) == 0);
    }
    return 0;
}

static void check_vanishing_folder(void) {
    char command[80];
    tp_run_config run;
    tp_trainer *fresh = fixture_trainer(new_model);
    MUST(tp_run_config_init(&run, sizeof run));
    snprintf(command, sizeof command, "rm -rf %s/*", folder);
    CHECK(system(command) == 0);
    run.checkpoint_path = path;
    run.epochs = 2;
    CHECK_EQUAL(tp_trainer_run(fresh, dataset, NULL, &run, remove_folder, NULL), TP_ERROR_NOT_FOUND);
    CHECK_NAMES(tp_error_message(), path);
    CHECK_EQUAL(tp_trainer_epoch(fresh), 1);
    CHECK(mkdir(folder, 0700) == 0);
    run.epochs = 1;
    CHECK_EQUAL(tp_trainer_run(fresh, dataset, NULL, &run, remove_folder, NULL), TP_OK);
    CHECK_EQUAL(tp_trainer_epoch(fresh), 2);
    tp_trainer_free(fresh);
}

int main(void) {
    tp_batch batch = fixture_batch();
    tp_optimizer_config config;
    fixture_fill();
    if (!mkdtemp(folder)) return 2;
    snprintf(path, sizeof path, "%s/model", folder);
    snprintf(moved, sizeof moved, "%s-moved", folder);
    dataset = fixture_dataset();
    old_model = fixture_model(TP_ACTIVATION_RELU);
    new_model = fixture_model(TP_ACTIVATION_RELU);
    trainer = fixture_trainer(new_model);
    MUST(tp_trainer_step(trainer, &batch, NULL));
    tp_trainer_free(trainer);
    MUST(tp_optimizer_config_init(&config, sizeof config));
    config.optimizer = TP_OPTIMIZER_ADAM;
    MUST(tp_trainer_create(&trainer, new_model, TP_LOSS_CROSS_ENTROPY, &config));
    check_saves();
    check_loads();
    check_interrupts_and_parts();
    check_changes_under_way();
    check_rotation();
    check_file_size_limit();
    check_permissions();
    check_vanishing_folder();
    tp_trainer_free(trainer);
    tp_model_free(old_model);
    tp_model_free(new_model);
    tp_dataset_free(dataset);
    char command[160];
    snprintf(command, sizeof command, "rm -rf %s %s", folder, moved);
    CHECK(system(command) == 0);
    return check_finish();
}
