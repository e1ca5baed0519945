/* A thread that is cancelled (pthread_cancel) inside a save or a load ends after it: the file is the old one or the new
 * one, nothing is left beside it, no lock and no descriptor is left in the process, and the next save goes through.
 *
 * The functions below stand before the system's; the call of a chosen number finds its own thread cancelled, as another
 * thread could have done at that moment, and is a point where a thread ends. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"

static char folder[] = "/tmp/tp-cancelled-XXXXXX";
static char path[64];
static int armed, calls, cancel_at, cancelled;

static void point(void) {
    if (!armed) return;
    if (calls++ == cancel_at) {
        cancelled = 1;
        pthread_cancel(pthread_self());
    }
    pthread_testcancel();
}

int open(const char *name, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, int) : 0;
    va_end(list);
    point();
    return (int)syscall(SYS_openat, AT_FDCWD, name, flags, mode);
}

int openat(int place, const char *name, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, int) : 0;
    va_end(list);
    int result = (int)syscall(SYS_openat, place, name, flags, mode);
    point(); /* with the file there */
    return result;
}

ssize_t write(int file, const void *bytes, size_t count) {
    point();
    return syscall(SYS_write, file, bytes, count);
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset) {
    point();
    return syscall(SYS_pread64, file, bytes, count, offset);
}

int fsync(int file) {
    point();
    return (int)syscall(SYS_fsync, file);
}

int close(int file) {
    point();
    return (int)syscall(SYS_close, file);
}

static int entries(const char *name) {
    int count = 0;
    DIR *open_folder = opendir(name);
    if (!open_folder) return -1;
    for (struct dirent *entry; (entry = readdir(open_folder));) count += entry->d_name[0] != '.';
    closedir(open_folder);
    return count;
}

static tp_trainer *trainer;
static int returned, blocked, done;

static void *save(void *unused) {
    sigset_t mask;
    returned = blocked = done = 0;
    armed = 1;
    tp_status status = tp_trainer_save(trainer, path);
    armed = 0;
    returned = 1;
    done = status == TP_OK;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    blocked = sigismember(&mask, SIGXFSZ);
    pthread_testcancel();
    return unused;
}

static void *load(void *unused) {
    tp_trainer *read = NULL;
    returned = done = 0;
    armed = 1;
    tp_status status = tp_trainer_load(&read, path);
    armed = 0;
    returned = 1;
    done = status == TP_OK;
    tp_trainer_free(read);
    pthread_testcancel();
    return unused;
}

/* Each call in turn, until there are no more. */
static void check_every_call(void *(*work)(void *), int least) {
    int runs = 0, descriptors = entries("/proc/self/fd");
    for (cancel_at = 0;; cancel_at++, runs++) {
        pthread_t thread;
        void *result = NULL;
        calls = cancelled = 0;
        if (pthread_create(&thread, NULL, work, NULL)) exit(2);
        pthread_join(thread, &result);
        armed = 0;
        if (!cancelled) break;
        /* It was cancelled, not before the call had come back, and not less for having waited. */
        CHECK(result == PTHREAD_CANCELED);
        CHECK(returned && done && !blocked);
        CHECK_EQUAL(entries(folder), 1);
        CHECK_EQUAL(entries("/proc/self/fd"), descriptors);
        tp_trainer *read = NULL;
        CHECK_EQUAL(tp_trainer_load(&read, path), TP_OK);
        CHECK(read && tp_trainer_step_count(read) == tp_trainer_step_count(trainer));
        tp_trainer_free(read);
        CHECK_EQUAL(tp_trainer_save(trainer, path), TP_OK);
    }
    CHECK(runs >= least);
}

static void *with_cancelling_off(void *unused) {
    int state = -1, before = -1;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    CHECK_EQUAL(tp_trainer_save(trainer, path), TP_OK);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    CHECK_EQUAL(before, PTHREAD_CANCEL_DISABLE);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    CHECK_EQUAL(tp_trainer_save(trainer, path), TP_OK);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    CHECK_EQUAL(state, PTHREAD_CANCEL_ENABLE);
    return unused;
}

int main(void) {
    tp_batch batch;
    fixture_fill();
    if (!mkdtemp(folder)) return 2;
    snprintf(path, sizeof path, "%s/trainer", folder);
    tp_model *model = fixture_model(TP_ACTIVATION_TANH);
    trainer = fixture_trainer(model);
    batch = fixture_batch();
    MUST(tp_trainer_save(trainer, path));
    MUST(tp_trainer_step(trainer, &batch, NULL));
    check_every_call(save, 7);
    check_every_call(load, 3);
    pthread_t thread;
    if (pthread_create(&thread, NULL, with_cancelling_off, NULL)) return 2;
    pthread_join(thread, NULL);
    tp_trainer_free(trainer);
    tp_model_free(model);
    unlink(path);
    rmdir(folder);
    return check_finish();
}
