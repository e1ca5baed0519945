import Runtime
import XCTest

final class MemoryTests: XCTestCase {
    private func status(_ body: () throws -> Void) -> Status? {
        do { try body() } catch { return (error as? TeleportError)?.status }
        return nil
    }

    func testProductsThatDoNotFitAreOutOfMemory() throws {
        XCTAssertEqual(try Memory.product(6, 7), 42)
        XCTAssertEqual(try Memory.product(0, .max), 0)
        XCTAssertEqual(try Memory.product(1, .max), .max)
        XCTAssertEqual(status { _ = try Memory.product(2, .max) }, .outOfMemory)
        XCTAssertEqual(status { _ = try Memory.product(1 << 32, 1 << 31) }, .outOfMemory)
        XCTAssertEqual(status { _ = try Memory.product(-1, 3) }, .outOfMemory)
        XCTAssertEqual(status { _ = try Memory.product(-1, -3) }, .outOfMemory)
    }

    func testBuffersThatNoMemoryCanHoldAreOutOfMemory() {
        XCTAssertEqual(status { _ = try Buffer<Double>(count: .max) }, .outOfMemory)
        XCTAssertEqual(status { _ = try Buffer<Double>(count: .max / 8) }, .outOfMemory)
        XCTAssertEqual(status { _ = try Buffer<Float>(count: 1 << 60) }, .outOfMemory)
        XCTAssertEqual(status { _ = try Buffer<Float>(count: -1) }, .outOfMemory)
    }

    func testBuffersAreAlignedCopiedAndMayBeEmpty() throws {
        for count in [0, 1, 15, 1_000] {
            let buffer = try Buffer<Float>(repeating: 3, count: count)
            XCTAssertEqual(Int(bitPattern: buffer.pointer) % Memory.alignment, 0)
            XCTAssertEqual(Array(buffer.elements), [Float](repeating: 3, count: count))
            let copy = try Buffer(copying: buffer)
            if count > 0 { copy.pointer[count - 1] = 5 }
            XCTAssertEqual(Array(buffer.elements), [Float](repeating: 3, count: count))
        }
    }

    func testTheChosenAllocationFailsOnceAndNoOther() {
        Memory.failAllocation(after: 2)
        XCTAssertNil(status { _ = try Buffer<Float>(count: 1) })
        XCTAssertNil(status { _ = try Buffer<Float>(count: 1) })
        XCTAssertEqual(status { _ = try Buffer<Float>(count: 1) }, .outOfMemory)
        XCTAssertNil(status { _ = try Buffer<Float>(count: 1) })
        XCTAssertTrue(Memory.endAllocationFailure())
        Memory.failAllocation(after: 0)
        XCTAssertFalse(Memory.endAllocationFailure())
        XCTAssertNil(status { _ = try Buffer<Float>(count: 1) })
    }
}
