import Glibc

/// Runs `body` on a thread that does not get SIGXFSZ, which would end a host that has set
/// RLIMIT_FSIZE: a write past the limit then fails with EFBIG.
func withoutFileSizeSignal(
    _ body: () throws(FileFailure) -> Void
) throws(FileFailure) {
    var signal = sigset_t()
    var before = sigset_t()
    sigemptyset(&signal)
    sigaddset(&signal, SIGXFSZ)
    guard pthread_sigmask(SIG_BLOCK, &signal, &before) == 0 else { return try body() }
    defer {
        if sigismember(&before, SIGXFSZ) == 0 {
            // Takes what the writes raised: it would be delivered as soon as it is let through.
            var now = timespec()
            while sigtimedwait(&signal, nil, &now) == SIGXFSZ {}
            pthread_sigmask(SIG_SETMASK, &before, nil)
        }
    }
    try body()
}
