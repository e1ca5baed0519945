import Runtime
import XCTest

@testable import Files

final class JSONReaderTests: XCTestCase {
    /// What a reader makes of a text, or its failure's reason.
    private func reason(_ text: String) -> String? {
        reason(Array(text.utf8))
    }

    private func reason(_ bytes: [UInt8]) -> String? {
        var bytes = bytes
        return bytes.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let base = buffer.baseAddress else { return "empty" }
            var json = JSONReader(base, count: buffer.count)
            do throws(FileFailure) {
                try json.skip()
                try json.finish()
                return nil
            } catch { return error.reason }
        }
    }

    private func string(_ text: String) -> String? {
        var bytes = Array(text.utf8)
        return bytes.withUnsafeMutableBufferPointer { buffer in
            var json = JSONReader(buffer.baseAddress!, count: buffer.count)
            guard let text = try? json.string() else { return nil }
            return String(decoding: json.content(of: text), as: UTF8.self)
        }
    }

    private func natural(_ text: String) -> Int? {
        var bytes = Array(text.utf8)
        return bytes.withUnsafeMutableBufferPointer { buffer in
            var json = JSONReader(buffer.baseAddress!, count: buffer.count)
            return try? json.natural()
        }
    }

    func testJSONIsTaken() {
        for text in [
            "{}", "[]", " [ 1 , -2.5e+10, true,false ,null,\"\" ] \n\t\r", "{\"a\":{\"b\":[{}]}}",
            "0", "-0", "0.1", "1e5", "1E-5", "\"é\u{10FFFF}\"",
        ] {
            XCTAssertNil(reason(text), text)
        }
    }

    func testWhatIsNotJSONIsRefused() {
        for text in [
            "", " ", "{", "}", "[", "]", "{]", "[1,]", "[,1]", "{,}", "{\"a\"}", "{\"a\":}",
            "{\"a\":1,}", "{a:1}", "{'a':1}", "{\"a\":1 \"b\":2}", "[1 2]", "01", "-01", "-", "+1",
            ".5", "1.", "1e", "1e+", "0x1", "NaN", "Infinity", "tru", "True", "nul", "\"", "\"a",
            "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\udc00\"",
            "\"\\ud800\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\n\"", "\"a\nb\"", "\"\u{1}\"", "1 2",
            "{} {}", "// a",
        ] {
            XCTAssertNotNil(reason(text), text)
        }
    }

    func testWhatIsNotUTF8IsRefused() {
        for bytes in [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80],
            [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xE2, 0x82],
            [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xF0, 0x9F, 0x98],
        ] as [[UInt8]] {
            XCTAssertEqual(
                reason([0x22] + bytes + [0x22]),
                "its header is not JSON at byte 1: a string is not UTF-8", "\(bytes)")
        }
    }

    /// Every scalar there is, against the standard library.
    func testUTF8OfEveryScalarIsTaken() {
        var bytes: [UInt8] = []
        for value in 0..<UInt32(0x110000) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            bytes.append(contentsOf: UTF8.encode(scalar)!)
        }
        XCTAssert(bytes.withUnsafeBufferPointer { isUTF8($0) })
    }

    func testEscapesAreDecoded() {
        XCTAssertEqual(string(#""a\"\\\/\b\f\n\r\tz""#), "a\"\\/\u{8}\u{C}\n\r\tz")
        XCTAssertEqual(string(#""\u0041\u00e9\u20AC\ud83d\uDE00""#), "Aé€😀")
        XCTAssertEqual(string(#""\u0000""#), "\0")
    }

    func testNaturalNumbersAreExactOrRefused() {
        XCTAssertEqual(natural("0"), 0)
        XCTAssertEqual(natural(" 9223372036854775807"), Int.max)
        for text in [
            "9223372036854775808", "99999999999999999999999", "-1", "", "x", "00", "01", "\"1\"",
        ] {
            XCTAssertNil(natural(text), text)
        }
    }

    func testNestingIsBounded() {
        let deep = JSONReader.mostDepth
        XCTAssertNil(
            reason(String(repeating: "[", count: deep) + String(repeating: "]", count: deep)))
        XCTAssertEqual(
            reason(String(repeating: "[", count: 1_000_000))?.suffix(26),
            "values are nested too deep")
    }
}
