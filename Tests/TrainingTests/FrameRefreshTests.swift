import Networks
import Optimization
import Runtime
import TestSupport
import XCTest

@testable import Training

// What refreshes of frames take, what they are made from, and on threads.
extension FrameTrainingTests {
    func testRefreshesTakeNoMemoryAfterTheFirst() throws {
        let samples = try Samples.random(32, width: 6, outputs: 3, seed: 2)
        for way in ways {
            let trainer = try trainer(way)
            try trainer.setFrames(frames(way, every: 3))
            for _ in 0..<10 { _ = try trainer.takeStep(samples.batch) }
            Memory.failAllocation(after: 0)
            for _ in 0..<10 { _ = try trainer.takeStep(samples.batch) }
            XCTAssertFalse(Memory.endAllocationFailure())
        }
    }

    /// The inputs of steps that are far from a refresh are not kept, those that it needs are.
    func testAHostsRefreshUsesTheLastSamplesOfItsSteps() throws {
        let samples = try Samples.random(200, width: 6, outputs: 3, seed: 2)
        var config = FrameConfig()
        (config.every, config.earlySteps, config.samples) = (20, 0, 24)
        let trainer = try makeTrainer(.momentum)
        try trainer.setFrames(config)
        for step in 0...20 {
            let own = try Frames(trainer.model.graph, config, .factor)
            let last = samples.batch.slice(max(step - 2, 0) * 8, min(step + 1, 3) * 8)
            if step % 20 == 0 {
                _ = try own.refresh(trainer.model, x: last.x, count: last.count, moments: nil)
            }
            _ = try trainer.takeStep(samples.batch.slice(step * 8, 8))
            guard step % 20 == 0 else { continue }
            XCTAssertLessThan(
                relativeError(
                    try XCTUnwrap(trainer.frames).numbers.array,
                    own.numbers.array.map { Double($0) }), 1e-5)
        }
    }

    /// Threads share refreshes and the steps of large layers.
    func testTheSameThreadsGiveTheSameBitsInFrames() throws {
        let samples = try Samples.random(128, width: 64, outputs: 10, seed: 2)
        defer { try? ThreadPool.shared.setThreadCount(0) }
        for way in ways {
            for threads in [2, 3] {
                try ThreadPool.shared.setThreadCount(threads)
                let runs = try (0..<2).map { _ in
                    let trainer = try Trainer(
                        Model.random([64, 256, 256, 10], .leakyReLU, seed: 3), loss: .crossEntropy,
                        options: try self.trainer(way).options)
                    try trainer.setFrames(frames(way, every: 2))
                    for _ in 0..<4 { _ = try trainer.takeStep(samples.batch) }
                    return bits(trainer)
                }
                XCTAssertEqual(runs[0], runs[1])
            }
        }
    }
}
