import CShims
import Glibc
import Synchronization

/// One pool of worker threads for the whole process, made when first needed.
///
/// A job is cut into parts by its caller, so results never depend on which thread took which part.
/// One job runs at a time: a caller that finds the pool busy does all its parts itself, with the
/// same results.
public final class ThreadPool: @unchecked Sendable {
    /// A part of a job: its context and the part's index.
    public typealias Part = @convention(c) (UnsafeMutableRawPointer?, Int) -> Void

    public static let shared = ThreadPool()
    public static let maximumThreadCount = 256

    /// How long a worker looks for its next job before it sleeps.
    private static let watchfulSeconds = 0.000_3

    private let requestedThreads = Atomic<Int>(0)
    private let busy = Atomic<Bool>(false)

    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let wake: UnsafeMutablePointer<pthread_cond_t>
    private var workerCount = 0

    // The job at hand. A worker may join it only between `open` and `close`, counted by `active`.
    private let generation = Atomic<UInt32>(0)
    private let nextPart = Atomic<Int>(0)
    private let partsLeft = Atomic<Int>(0)
    private let active = Atomic<Int>(0)
    private var parts = 0
    private var context: UnsafeMutableRawPointer?
    private var body: Part?

    /// Belongs to who has set `busy`.
    private var lateness = Lateness()

    /// Runs on a worker before it takes a part; when it answers anything but 0 the worker takes
    /// none.
    private let workerSetup = Atomic<Int>(0)

    private init() {
        lock = .allocate(capacity: 1)
        wake = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        pthread_cond_init(wake, nil)
        // In a forked child only the calling thread lives on: forget the workers and whatever they
        // held.
        pthread_atfork(nil, nil) { ThreadPool.shared.forgetWorkers() }
    }

    private func forgetWorkers() {
        pthread_mutex_init(lock, nil)
        pthread_cond_init(wake, nil)
        workerCount = 0
        joinable = 0
        active.store(0, ordering: .relaxed)
        lateness = Lateness()
        busy.store(false, ordering: .relaxed)
    }

    /// Threads that a job may use, the caller's included.
    public var threadCount: Int {
        let requested = requestedThreads.load(ordering: .relaxed)
        return requested > 0 ? requested : Self.availableProcessors
    }

    /// 0 means the processors that this process may use.
    public func setThreadCount(_ count: Int) throws {
        guard count >= 0, count <= Self.maximumThreadCount else {
            throw TeleportError.invalid(
                "the thread count is \(count); it must be 0 to \(Self.maximumThreadCount)")
        }
        requestedThreads.store(count, ordering: .relaxed)
    }

    public func setWorkerSetup(_ setup: @convention(c) () -> Int32) {
        workerSetup.store(unsafeBitCast(setup, to: Int.self), ordering: .releasing)
    }

    private static let availableProcessors = min(
        max(Int(shim_processor_count()), 1), maximumThreadCount)

    /// Runs `body(context, 0 ..< parts)`, each part once, and returns when all are done. Allocates
    /// nothing once the workers live.
    public func run(parts: Int, context: UnsafeMutableRawPointer?, body: Part) {
        let threads = min(parts, threadCount)
        guard threads > 1, !busy.exchange(true, ordering: .acquiring) else {
            for part in 0..<max(parts, 0) { body(context, part) }
            return
        }
        let start = Clock.seconds()
        guard !lateness.isAlone(start) else {
            for part in 0..<parts { body(context, part) }
            busy.store(false, ordering: .releasing)
            return
        }
        startWorkers(threads - 1)
        self.parts = parts
        self.context = context
        self.body = body
        nextPart.store(0, ordering: .relaxed)
        partsLeft.store(parts, ordering: .relaxed)

        pthread_mutex_lock(lock)
        joinable = threads - 1
        generation.wrappingAdd(1, ordering: .releasing)
        pthread_cond_broadcast(wake)
        pthread_mutex_unlock(lock)

        takeParts()
        // A worker that wakes late must not join a job that is over, nor meet the next one half
        // made.
        pthread_mutex_lock(lock)
        joinable = 0
        pthread_mutex_unlock(lock)
        let end = Clock.seconds()
        var spins = 0
        while partsLeft.load(ordering: .acquiring) > 0 || active.load(ordering: .acquiring) > 0 {
            spins += 1
            if spins < 4096 { shim_pause() } else { sched_yield() }
        }
        if spins > 0 { lateness.note(worked: end - start, until: end) }
        busy.store(false, ordering: .releasing)
    }

    /// Workers that may still join the job at hand; guarded by `lock`.
    private var joinable = 0

    private func takeParts() {
        guard let body else { return }
        while true {
            let part = nextPart.wrappingAdd(1, ordering: .relaxed).oldValue
            guard part < parts else { return }
            body(context, part)
            partsLeft.wrappingSubtract(1, ordering: .releasing)
        }
    }

    private func startWorkers(_ wanted: Int) {
        while workerCount < wanted {
            var thread = pthread_t()
            let status = pthread_create(
                &thread, nil,
                { _ in
                    ThreadPool.shared.work()
                    return nil
                }, nil)
            guard status == 0 else { return }
            pthread_detach(thread)
            workerCount += 1
        }
    }

    private func work() {
        var blocked = sigset_t()
        sigfillset(&blocked)
        pthread_sigmask(SIG_BLOCK, &blocked, nil)
        var seen: UInt32 = 0
        while true {
            // Steps follow each other within microseconds: look for the next job a while before
            // going to sleep, from which it may take a tenth of a millisecond to wake. By the
            // clock, for a pause is 3 cycles on some processors and 140 on others.
            let start = Clock.seconds()
            while generation.load(ordering: .acquiring) == seen,
                Clock.seconds() - start < Self.watchfulSeconds
            {
                for _ in 0..<64 where generation.load(ordering: .relaxed) == seen { shim_pause() }
            }
            pthread_mutex_lock(lock)
            while generation.load(ordering: .relaxed) == seen { pthread_cond_wait(wake, lock) }
            seen = generation.load(ordering: .relaxed)
            let joins = joinable > 0
            if joins {
                joinable -= 1
                active.wrappingAdd(1, ordering: .relaxed)
            }
            pthread_mutex_unlock(lock)
            guard joins else { continue }
            if isSetUp() { takeParts() }
            active.wrappingSubtract(1, ordering: .releasing)
        }
    }

    private func isSetUp() -> Bool {
        let address = workerSetup.load(ordering: .acquiring)
        guard address != 0 else { return true }
        return unsafeBitCast(address, to: (@convention(c) () -> Int32).self)() == 0
    }
}

extension ThreadPool {
    /// The same for a closure, outside hot paths: `body` runs once for each of `0 ..< parts`.
    public func forEach(_ parts: Int, _ body: (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            var body = body
            withUnsafeMutablePointer(to: &body) { pointer in
                run(parts: parts, context: pointer) { context, part in
                    context?.assumingMemoryBound(to: ((Int) -> Void).self).pointee(part)
                }
            }
        }
    }
}
