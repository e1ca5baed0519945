import Foundation
import Runtime
import XCTest

@testable import Optimization

final class ScheduleTests: XCTestCase {
    func testSchedulesFollowTheirFormulas() {
        var schedule = LearningRateSchedule()
        for step in [0, 1, 1_000_000] { XCTAssertEqual(schedule.rate(step: step, base: 0.3), 0.3) }

        schedule.kind = .step
        (schedule.interval, schedule.factor) = (10, 0.5)
        for (step, rate) in [(0, 1.0), (9, 1), (10, 0.5), (19, 0.5), (20, 0.25), (45, 0.0625)] {
            XCTAssertEqual(schedule.rate(step: step, base: 1), rate, accuracy: 1e-15)
        }

        schedule.kind = .cosine
        (schedule.interval, schedule.floor) = (100, 0.1)
        for (step, rate) in [(0, 2.0), (50, 1.1), (100, 0.2), (1_000, 0.2)] {
            XCTAssertEqual(schedule.rate(step: step, base: 2), rate, accuracy: 1e-14)
        }
        let quarter: Double = 0.1 + 0.45 * (1 + cos(Double.pi / 4))
        XCTAssertEqual(schedule.rate(step: 25, base: 2), 2 * quarter, accuracy: 1e-14)

        schedule.kind = .callback
        schedule.callback = { step, base in Double(step) * base }
        XCTAssertEqual(schedule.rate(step: 7, base: 0.5), 3.5)
    }

    func testWarmUpGrowsToTheWholeRateAndTheRestCountsFromItsEnd() {
        var schedule = LearningRateSchedule()
        schedule.warmupSteps = 4
        XCTAssertEqual(
            (0..<6).map { schedule.rate(step: $0, base: 1) }, [0.25, 0.5, 0.75, 1, 1, 1])
        schedule.kind = .step
        (schedule.interval, schedule.factor) = (2, 0.1)
        XCTAssertEqual(schedule.rate(step: 3, base: 1), 1)
        XCTAssertEqual(schedule.rate(step: 5, base: 1), 1)
        XCTAssertEqual(schedule.rate(step: 6, base: 1), 0.1, accuracy: 1e-15)
        // The largest numbers a host can give do not trap.
        (schedule.warmupSteps, schedule.interval) = (.max, .max)
        XCTAssertTrue(schedule.rate(step: .max - 1, base: 1).isFinite)
    }

    func testSettingsOutOfRangeAreRefused() {
        func isRefused(
            _ status: Status = .invalidArgument, _ change: (inout LearningRateSchedule) -> Void
        ) -> Bool {
            var schedule = LearningRateSchedule()
            change(&schedule)
            do { try schedule.validate() } catch {
                return (error as? TeleportError)?.status == status
            }
            return false
        }
        XCTAssertFalse(isRefused { _ in })
        XCTAssertTrue(isRefused { $0.warmupSteps = -1 })
        XCTAssertTrue(isRefused { $0.interval = 0 })
        XCTAssertTrue(isRefused { $0.kind = .callback })
        for bad in [0.0, -1] { XCTAssertTrue(isRefused { $0.factor = bad }) }
        for bad in [-0.1, 1.1] { XCTAssertTrue(isRefused { $0.floor = bad }) }
        for bad in [Double.nan, .infinity] {
            XCTAssertTrue(isRefused(.notFinite) { $0.factor = bad })
            XCTAssertTrue(isRefused(.notFinite) { $0.floor = bad })
        }
    }
}
