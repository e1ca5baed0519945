import Foundation
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

final class PlaneTests: XCTestCase {
    private func function(_ name: String) -> PlaneFunction {
        name == "booth" ? .booth : .rosenbrock
    }

    private func options(_ run: Golden) throws -> PlaneConfig {
        var options = PlaneConfig()
        options.steps = Int(run["epochs"].number)
        options.learningRate = run["learning_rate"].number
        options.thetaLearningRate = run["theta_learning_rate"].number
        options.thetaSteps = Int(run["theta_steps"].number)
        let teleports = run["teleports"].list
        options.teleportSteps = try Buffer(
            copying: teleports.map { Int32($0["epoch"].number) }, count: teleports.count)
        options.thetaStarts = try Buffer(
            copying: teleports.map { $0["theta_start"].number }, count: teleports.count)
        return options
    }

    /// Values and points of every run but Rosenbrock with teleports, whose ascent of theta is
    /// chaotic: 1e-9.
    func testGoldenRuns() throws {
        let runs = try Golden.file("so2")["runs"].list
        XCTAssertEqual(runs.count, 4)
        for run in runs where run["function"].text == "booth" || !run["teleport"].flag {
            var points: [PlaneFunction.Pair] = []
            var values: [Double] = []
            var moves: [PlaneMove] = []
            let start = run["start"].numbers
            let plane = function(run["function"].text)
            try plane.descend(from: .init(start[0], start[1]), options(run)) {
                points.append($1)
                values.append($2)
            } moved: {
                moves.append($1)
            }
            let every = run["epochs"].number > 100 ? 10 : 1
            for (i, expected) in run["loss_every_tenth"].numbers.enumerated() {
                XCTAssertEqual(values[i * every] / expected, 1, accuracy: 1e-9)
            }
            let end = run["final"].numbers
            XCTAssertEqual(points[points.count - 1].x / end[0], 1, accuracy: 1e-9)
            XCTAssertEqual(points[points.count - 1].y / end[1], 1, accuracy: 1e-9)
            XCTAssertEqual(points.count, Int(run["epochs"].number) + 1)
            for (move, golden) in zip(moves, run["teleports"].list) {
                XCTAssertTrue(move.accepted)
                XCTAssertEqual(move.theta, golden["theta_used"].number, accuracy: 1e-9)
                XCTAssertEqual(move.gradientNorm2After / golden["phi"].number, 1, accuracy: 1e-9)
                XCTAssertEqual(move.valueAfter / golden["loss"].number, 1, accuracy: 1e-9)
            }
            XCTAssertEqual(moves.count, run["teleports"].list.count)
        }
    }

    /// The first angles of Rosenbrock's ascent, before two exact implementations part.
    func testTheFirstAnglesOfRosenbrock() throws {
        let run = try XCTUnwrap(
            try Golden.file("so2")["runs"].list.first {
                $0["function"].text == "rosenbrock" && $0["teleport"].flag
            })
        let thetas = run["thetas_of_first_teleport"].numbers
        for (evaluations, accuracy) in [(1, 1e-12), (2, 1e-9), (3, 1e-6)] {
            var options = try options(run)
            options.teleportSteps = try Buffer(copying: [99], count: 1)
            options.thetaSteps = evaluations
            options.steps = 100
            let plane = PlaneFunction.rosenbrock
            try plane.descend(from: .init(-1, -1), options, visit: { _, _, _ in }) {
                XCTAssertEqual($1.theta / thetas[evaluations - 1], 1, accuracy: accuracy)
            }
        }
    }

    /// 100 seeds, teleports before steps 99, 199, ..., 999, theta uniform in [0, pi): the median of
    /// the last values lies between 1e-9 and 1e-6, and each teleport keeps the value to 1e-12
    /// relative, as far as a point in double can: x and y near (1, 1) have a last digit of 2e-16, u
    /// = 10 (x^2 - y) one of 1e-14, and u^2 + v^2 = f then one of 4e-14 sqrt(f), which passes 1e-12
    /// f where f is under 1e-3.
    func testRosenbrockWithTeleportsOverAHundredSeeds() throws {
        var last: [Double] = []
        var worst = 0.0
        var (above, worstAbove) = (0, 0.0)
        var refused = 0
        for seed in 0..<100 as Range<UInt64> {
            var options = PlaneConfig()
            options.teleportSteps = try Buffer(
                copying: (1...10).map { $0 * 100 - 1 }, count: 10)
            options.seed = seed
            var value = Double.nan
            try PlaneFunction.rosenbrock.descend(from: .init(-1, -1), options) { _, _, current in
                value = current
            } moved: { _, move in
                guard move.accepted else {
                    refused += 1
                    return
                }
                let change = abs(move.valueAfter - move.valueBefore)
                worst = max(worst, change / move.valueBefore)
                XCTAssertLessThan(
                    change, 1e-12 * move.valueBefore + 4e-14 * move.valueBefore.squareRoot())
                guard move.valueBefore > 1e-3 else { return }
                above += 1
                worstAbove = max(worstAbove, change / move.valueBefore)
            }
            last.append(value)
        }
        last.sort()
        let median = (last[49] + last[50]) / 2
        print(
            "Rosenbrock, 100 seeds: median \(median); worst change of a value \(worst), of the \(above) over 1e-3"
                + " \(worstAbove); refused \(refused)")
        XCTAssertLessThan(worstAbove, 1e-12)
        XCTAssertGreaterThan(above, 100)
        XCTAssertGreaterThan(median, 1e-9)
        XCTAssertLessThan(median, 1e-6)
    }

    func testCoordinatesGradientsAndHessiansFitTogether() {
        var generator = RandomGenerator(seed: 1)
        for function in [PlaneFunction.rosenbrock, .booth] {
            for _ in 0..<50 {
                let p = PlaneFunction.Pair(
                    generator.nextDouble(from: -3, to: 3), generator.nextDouble(from: -3, to: 3))
                let uv = function.toUV(p)
                XCTAssertEqual(
                    (uv * uv).sum(), function.value(p), accuracy: 1e-12 * max(function.value(p), 1))
                let back = function.fromUV(uv)
                XCTAssertEqual(back.x, p.x, accuracy: 1e-12)
                XCTAssertEqual(back.y, p.y, accuracy: 1e-12)
                let step = 1e-5
                let size =
                    1e-6 * max(1, (function.gradient(p) * function.gradient(p)).sum().squareRoot())
                for axis in 0..<2 {
                    var offset = PlaneFunction.Pair(0, 0)
                    offset[axis] = step
                    let slope =
                        (function.value(p + offset) - function.value(p - offset)) / (2 * step)
                    XCTAssertEqual(slope, function.gradient(p)[axis], accuracy: size)
                    let bend =
                        (function.gradient(p + offset) - function.gradient(p - offset)) / (2 * step)
                    let rows = function.hessian?(p)
                    XCTAssertEqual(bend.x, rows?.0[axis] ?? .nan, accuracy: 1e-5)
                    XCTAssertEqual(bend.y, rows?.1[axis] ?? .nan, accuracy: 1e-5)
                    let turn =
                        (function.fromUV(uv + offset) - function.fromUV(uv - offset)) / (2 * step)
                    let jacobian = function.fromUVJacobian?(uv)
                    XCTAssertEqual(turn.x, jacobian?.0[axis] ?? .nan, accuracy: 1e-8)
                    XCTAssertEqual(turn.y, jacobian?.1[axis] ?? .nan, accuracy: 1e-8)
                }
            }
        }
    }

    func testCentralDifferencesServeWhereNoHessianIs() throws {
        var bare = PlaneFunction.booth
        (bare.hessian, bare.fromUVJacobian) = (nil, nil)
        var options = PlaneConfig()
        options.thetaLearningRate = 1e-3
        var (first, second) = (PlaneFunction.Pair(3, -2), PlaneFunction.Pair(3, -2))
        let exact = try PlaneFunction.booth.teleport(&first, from: 1, options)
        let approximate = try bare.teleport(&second, from: 1, options)
        XCTAssertTrue(exact.accepted && approximate.accepted)
        XCTAssertEqual(exact.theta, approximate.theta, accuracy: 1e-5)
    }

    func testARotationThatChangesTheValueIsNotMade() {
        var broken = PlaneFunction.booth
        broken.fromUV = { PlaneFunction.booth.fromUV($0 * 1.01) }
        var point = PlaneFunction.Pair(3, -2)
        XCTAssertEqual(try broken.teleport(&point, from: 1, PlaneConfig()).outcome, .lossChanged)
        XCTAssertEqual(point, PlaneFunction.Pair(3, -2))
        broken.fromUV = { _ in PlaneFunction.Pair(.nan, 1) }
        XCTAssertEqual(try broken.teleport(&point, from: 1, PlaneConfig()).outcome, .notFinite)
        XCTAssertEqual(point, PlaneFunction.Pair(3, -2))
    }
}
