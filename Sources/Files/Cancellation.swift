import Glibc

/// Runs `body` on a thread that `pthread_cancel` does not end before it is done.
///
/// open, read, write, fsync and close are points where a cancelled thread ends, and it ends without
/// Swift's cleanup: a half-written file would keep its name and its lock, and descriptors would
/// stay open. The request stays pending.
public func withoutCancellation<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    var before: Int32 = 0
    pthread_setcancelstate(Int32(PTHREAD_CANCEL_DISABLE), &before)
    defer { pthread_setcancelstate(before, nil) }
    return try body()
}
