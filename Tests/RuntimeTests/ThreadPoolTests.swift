import Foundation
import Runtime
import Synchronization
import XCTest

/// Counts how often each part of a job ran.
///
/// With a lock of Foundation: ThreadSanitizer does not see the futex inside a `Mutex`.
private final class Counters: @unchecked Sendable {
    private let lock = NSLock()
    private var counts: [Int]

    init(_ parts: Int) { counts = [Int](repeating: 0, count: parts) }
    func add(_ part: Int) { lock.withLock { counts[part] += 1 } }
    var all: [Int] { lock.withLock { counts } }
}

final class ThreadPoolTests: XCTestCase {
    override func tearDown() {
        XCTAssertNoThrow(try ThreadPool.shared.setThreadCount(0))
    }

    func testEveryPartRunsOnceForEveryThreadCount() throws {
        for threads in [1, 2, 3, 8, 1, 64, 2] {
            try ThreadPool.shared.setThreadCount(threads)
            XCTAssertEqual(ThreadPool.shared.threadCount, threads)
            for parts in [0, 1, 2, 3, 17, 257] {
                let counters = Counters(parts)
                ThreadPool.shared.forEach(parts) { counters.add($0) }
                XCTAssertEqual(counters.all, [Int](repeating: 1, count: parts))
            }
        }
    }

    func testShortJobsFollowEachOtherWithoutMixing() throws {
        try ThreadPool.shared.setThreadCount(4)
        // A worker that wakes late must not take a part of the next job, whose context is another
        // one.
        for job in 0..<5_000 {
            let results = Atomic<Int>(0)
            ThreadPool.shared.forEach(4) {
                results.wrappingAdd((job + 1) << ($0 * 2), ordering: .relaxed)
            }
            XCTAssertEqual(results.load(ordering: .relaxed), (job + 1) * 85)
        }
    }

    /// It has shown that its processor has other work; then it may try again.
    func testAWorkerThatIsLateIsLeftAloneForAWhile() throws {
        try ThreadPool.shared.setThreadCount(2)
        let strangers = Atomic<Int>(0)
        let own = pthread_self()
        func share(seconds: Double) -> Bool {
            strangers.store(0, ordering: .relaxed)
            ThreadPool.shared.forEach(2) { _ in
                let isOwn = pthread_equal(own, pthread_self()) != 0
                if !isOwn { strangers.wrappingAdd(1, ordering: .relaxed) }
                // The caller waits for the worker to come, not longer than it may sleep.
                let end = Date() + (isOwn ? 0.002 : seconds)
                while Date() < end {}
            }
            return strangers.load(ordering: .relaxed) > 0
        }
        func isShared(seconds: Double) -> Bool {
            (0..<2_000).contains { _ in share(seconds: seconds) }
        }
        XCTAssertTrue(isShared(seconds: 0.05))
        XCTAssertFalse(share(seconds: 0))
        XCTAssertTrue(isShared(seconds: 0))
    }

    func testNestedJobsRunOnTheCallingThread() throws {
        try ThreadPool.shared.setThreadCount(4)
        let counters = Counters(64)
        let strangers = Atomic<Int>(0)
        ThreadPool.shared.forEach(8) { outer in
            let own = pthread_self()
            ThreadPool.shared.forEach(8) { inner in
                if pthread_equal(own, pthread_self()) == 0 {
                    strangers.wrappingAdd(1, ordering: .relaxed)
                }
                counters.add(outer * 8 + inner)
            }
        }
        XCTAssertEqual(counters.all, [Int](repeating: 1, count: 64))
        XCTAssertEqual(strangers.load(ordering: .relaxed), 0)
    }

    func testManyCallersAtOnceEachGetTheirWholeJob() throws {
        try ThreadPool.shared.setThreadCount(3)
        let wrong = Atomic<Int>(0)
        let threads = (0..<16).map { caller in
            Thread {
                for job in 0..<200 {
                    let counters = Counters(9)
                    ThreadPool.shared.forEach(9) { counters.add($0) }
                    if counters.all != [Int](repeating: 1, count: 9) {
                        wrong.wrappingAdd(1, ordering: .relaxed)
                    }
                    // The count may change under a running job.
                    if caller == 0 { try? ThreadPool.shared.setThreadCount(1 + job % 5) }
                }
            }
        }
        for thread in threads { thread.start() }
        let deadline = Date(timeIntervalSinceNow: 30)
        while threads.contains(where: { !$0.isFinished }), Date() < deadline { usleep(1_000) }
        XCTAssertTrue(threads.allSatisfy { $0.isFinished })
        XCTAssertEqual(wrong.load(ordering: .relaxed), 0)
    }

    func testThreadCountsOutOfRangeAreRefusedAndChangeNothing() throws {
        try ThreadPool.shared.setThreadCount(3)
        for count in [-1, 257, .max, .min] {
            XCTAssertThrowsError(try ThreadPool.shared.setThreadCount(count)) { error in
                XCTAssertEqual((error as? TeleportError)?.status, .invalidArgument)
                XCTAssert((error as? TeleportError)?.message.contains("\(count)") ?? false)
            }
        }
        XCTAssertEqual(ThreadPool.shared.threadCount, 3)
        try ThreadPool.shared.setThreadCount(0)
        XCTAssertGreaterThanOrEqual(ThreadPool.shared.threadCount, 1)
    }
}
