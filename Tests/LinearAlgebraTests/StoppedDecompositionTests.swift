import Runtime
import TestSupport
import XCTest

@testable import LinearAlgebra

final class StoppedDecompositionTests: XCTestCase {
    /// LAPACK is left in the middle of its work; the next decompositions on the thread are what
    /// they would have been.
    func testADecompositionIsLeftAtAnyOfItsQuestions() throws {
        try BLAS.reserve()
        var generator = RandomGenerator(seed: 4, stream: 1)
        let a = try Matrix(300, 200)
        for i in 0..<a.count { a.pointer[i] = generator.nextNormal() }
        func bits(_ svd: SVD) -> [UInt64] {
            [svd.values, svd.left.storage].flatMap { $0.elements.map { $0.bitPattern } }
        }
        let expected = bits(try SVD(a))
        for question in [1, 2, 3, 10, 60, 150] {
            XCTAssertThrowsError(try Stop.atQuestion(question) { try SVD(a) }, "\(question)") {
                XCTAssertTrue($0 is Stopped)
            }
            XCTAssertEqual(bits(try SVD(a)), expected)
        }
    }
}
