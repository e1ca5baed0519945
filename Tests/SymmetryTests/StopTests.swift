import Layers
import Networks
import Optimization
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

final class StopTests: XCTestCase {
    /// At whichever of its questions a teleport is stopped, the weights and the optimizer are as
    /// before, to the bit; and a teleport that has not been stopped before it ended is what it is
    /// without questions.
    func testATeleportIsStoppedAtAnyQuestionAndPutBack() throws {
        let cases: [(Group, Search, Objective, ActivationKind)] = [
            (.scaling, .lookahead, .gradientNormMaximize, .leakyReLU),
            (.scaling, .ascent, .gradientNormMinimize, .leakyReLU),
            (.scaling, .random, .gradientNormMaximize, .leakyReLU),
            (.scaling, .random, .lookahead, .leakyReLU),
            (.scaling, .ascent, .sharpnessMinimize, .leakyReLU),
            (.linear, .lookahead, .gradientNormMaximize, .tanh),
            (.linear, .ascent, .gradientNormMaximize, .leakyReLU),
            (.linear, .random, .gradientNormMaximize, .tanh),
            (.linear, .random, .curvatureMaximize, .tanh),
            (.nullSpace, .ascent, .gradientNormMaximize, .reLU),
            (.nullSpace, .lookahead, .gradientNormMaximize, .reLU),
            (.levelSet, .ascent, .sharpnessMaximize, .sigmoid),
            (.levelSet, .lookahead, .gradientNormMaximize, .tanh),
        ]
        for (group, search, objective, activation) in cases {
            let name = "\(group) \(search) \(objective)"
            let model = try Model.random([12, 7, 6, 3], activation, seed: 2)
            let samples = try Samples.random(80, width: 12, outputs: 3, seed: 5)
            var options = TeleportConfig()
            (options.group, options.search, options.objective) = (group, search, objective)
            options.candidates = 20
            options.steps = 3
            options.rolloutSteps = 6
            options.learningRate = 0.05
            options.nullTolerance = 0.3
            let before = model.bits
            func run(_ model: Model) throws -> TeleportReport {
                try Teleport(model, samples.batch, .crossEntropy, options).run()
            }
            let free = try Model(copying: model)
            _ = try run(free)

            var question = 1
            var stops = 0
            while true {
                do {
                    _ = try Stop.atQuestion(question) { try run(model) }
                    break
                } catch is Stopped {
                    XCTAssertEqual(model.bits, before, "\(name), question \(question)")
                    stops += 1
                }
                question += max(1, question / 6)
            }
            XCTAssertEqual(model.bits, free.bits, name)
            XCTAssertGreaterThan(stops, 5, name)
        }
    }

    func testNothingIsAskedOutsideOfACallThatCanStop() throws {
        let model = try Model.random([4, 5, 3], .tanh, seed: 2)
        let samples = try Samples.random(10, width: 4, outputs: 3, seed: 5)
        var flag: Int32 = 1
        try withUnsafePointer(to: &flag) { flag in
            Stop.set(flag: flag, callback: nil, userData: nil)
            defer { Stop.set(flag: nil, callback: nil, userData: nil) }
            XCTAssertFalse(Stop.isRequested)
            _ = try model.gradient(samples, .crossEntropy)
            Stop.scope { XCTAssertTrue(Stop.isRequested) }
            XCTAssertFalse(Stop.isRequested)
        }
    }

    /// A call in a callback of another does not end by the other's flag, and the other is asked
    /// again after it.
    func testAFlagOfACallDoesNotConcernTheCallsInItsCallbacks() {
        var flag: Int32 = 1
        withUnsafePointer(to: &flag) { flag in
            Stop.scope {
                Stop.watching(flag) {
                    XCTAssertTrue(Stop.isRequested)
                    Stop.scope { XCTAssertFalse(Stop.isRequested) }
                    XCTAssertTrue(Stop.isRequested)
                }
                XCTAssertFalse(Stop.isRequested)
            }
        }
    }
}
