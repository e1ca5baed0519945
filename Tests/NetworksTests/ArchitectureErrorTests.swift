import Layers
import Runtime
import XCTest

@testable import Networks

/// Texts that describe no net: each is an error whose sentence names the line and what is wrong.
final class ArchitectureErrorTests: XCTestCase {
    private static let wrong: [(text: String, status: Status, sentence: String)] = [
        // The text as a whole.
        ("", .invalidArgument, "the architecture is empty; it begins with its input"),
        ("\n\n  # nothing\n", .invalidArgument, "the architecture is empty"),
        (";;;", .invalidArgument, "the architecture is empty"),
        ("input 3", .invalidArgument, "the architecture has an input and no layer"),
        ("input 3\nflatten", .invalidArgument, "a net needs a layer with weights"),
        ("input 3\nrelu", .invalidArgument, "a net needs a layer with weights"),
        // The input.
        ("dense 3", .invalidArgument, "line 1: 'dense 3' comes before the input"),
        ("\nrelu; input 3", .invalidArgument, "line 2: 'relu' comes before the input"),
        ("input", .invalidArgument, "line 1: 'input' lacks its shape"),
        ("input 0\ndense 2", .invalidArgument, "line 1: 'input 0' has '0' for its shape"),
        ("input 3x\ndense 2", .invalidArgument, "'3x' for its shape; write it as 3x32x32"),
        ("input x3\ndense 2", .invalidArgument, "'x3' for its shape"),
        ("input 3x32\ndense 2", .invalidArgument, "'input 3x32' has two sizes"),
        ("input 3x32x32x2\ndense 2", .invalidArgument, "'3x32x32x2' for its shape"),
        ("input -3\ndense 2", .invalidArgument, "'-3' for its shape"),
        ("input 3.5\ndense 2", .invalidArgument, "'3.5' for its shape"),
        ("input 3*32\ndense 2", .invalidArgument, "'3*32' for its shape"),
        ("input 4294967296\ndense 2", .invalidArgument, "'4294967296' for its shape"),
        ("input 3 32\ndense 2", .invalidArgument, "'input 3 32' goes on with '32'"),
        ("input 3\ndense 2\ninput 4", .invalidArgument, "line 3: the input is in line 1"),
        ("input 3 of fc1\ndense 2", .invalidArgument, "line 1: no layer before this one"),
        (
            "input 65536x65536x1\ndense 2", .invalidArgument,
            "line 1: a value of 65536x65536x1 has more than"
        ),
        // Kinds.
        ("input 3\ndens 2", .invalidArgument, "line 2: 'dens' is no kind of layer; there are"),
        ("input 3\nDense 2", .invalidArgument, "line 2: 'Dense' is no kind of layer"),
        ("input 3\n3", .invalidArgument, "line 2: '3' is no kind of layer"),
        ("input 3\nidentity", .invalidArgument, "'identity' is no kind of layer"),
        ("input 3\nactivate", .invalidArgument, "'activate' is no kind of layer"),
        ("input 3\nsample_table 3", .invalidArgument, "'sample_table' is no kind of layer"),
        ("input 3\ndense 2\nof fc1", .invalidArgument, "line 3: it names no kind of layer"),
        ("input 3\na =", .invalidArgument, "line 2: it names no kind of layer"),
        // Names.
        ("input 3\na b = dense 2", .invalidArgument, "line 2: a name is one word before '='"),
        ("input 3\n= dense 2", .invalidArgument, "line 2: a name is one word before '='"),
        ("input 3\na = b = dense 2", .invalidArgument, "'a' is followed by more than one '='"),
        ("input 3\na == dense 2", .invalidArgument, "'a' is followed by more than one '='"),
        ("input 3\na-b = dense 2", .invalidArgument, "line 2: 'a-b' is no name"),
        ("input 3\n.a = dense 2", .invalidArgument, "'.a' is no name"),
        ("input 3\na. = dense 2", .invalidArgument, "'a.' is no name"),
        ("input 3\na..b = dense 2", .invalidArgument, "'a..b' is no name"),
        ("input 3\nof = dense 2", .invalidArgument, "line 2: no layer can be named 'of'"),
        (
            "input 3\na = dense 2\na = dense 2", .invalidArgument,
            "line 3: the name 'a' is taken by the layer of line 2"
        ),
        (
            "input 3\ndense 2\n\nfc1 = dense 2", .invalidArgument,
            "line 4: the name 'fc1' is taken by the layer of line 2"
        ),
        (
            "input 3\ninput = dense 2", .invalidArgument,
            "line 2: the name 'input' is taken by the layer of line 1"
        ),
        (
            "input 3\n\(String(repeating: "n", count: 65)) = dense 2", .invalidArgument,
            "line 2: a name has 65 bytes; the most is 64"
        ),
        // What is read.
        ("input 3\ndense 2 of", .invalidArgument, "line 2: 'of' names no layer"),
        ("input 3\ndense 2 of fc1", .invalidArgument, "no layer before this one is named 'fc1'"),
        ("input 3\ndense 2 of fc2\ndense 2", .invalidArgument, "line 2: no layer before"),
        ("input 3\ndense 2\nadd of fc1 a b", .invalidArgument, "'of' names 3 layers"),
        ("input 3\ndense 2\nadd", .invalidArgument, "line 3: layer 'add1' reads two layers; 1"),
        ("input 3\ndense 2\nadd of fc1", .invalidArgument, "line 3: layer 'add1' reads two"),
        (
            "input 3\ndense 2\ndense 2\ndense 4 of fc1 fc2", .invalidArgument,
            "line 4: layer 'fc3' reads one layer; 2 given"
        ),
        (
            "input 3\ndense 2\na = dense 2\nrelu of fc1 a", .invalidArgument,
            "line 4: layer 'relu1' reads one layer; 2 given"
        ),
        (
            "input 3\ndense 2\ndense 4\nadd of fc1 fc2", .shapeMismatch,
            "line 4: layer 'add1' reads values of 2 from 'fc1' and of 4 from 'fc2'"
        ),
        (
            "input 3\ndense 2\ndense 4 of input\ndense 2", .invalidArgument,
            "line 2: nothing reads layer 'fc1'"
        ),
        (
            "input 3\ndense 2\nrelu of fc1\ndense 2 of fc1", .invalidArgument,
            "line 3: nothing reads"
        ),
        // Arguments.
        ("input 3\ndense", .invalidArgument, "line 2: layer 'fc1' lacks its number of outputs"),
        ("input 3\ndense 0", .invalidArgument, "line 2: layer 'fc1' has '0' for its number"),
        ("input 3\nout = dense +5", .invalidArgument, "line 2: layer 'out' has '+5' for its"),
        ("input 3\ndense 5.5", .invalidArgument, "line 2: layer 'fc1' has '5.5' for its number"),
        ("input 3\ndense 2147483648", .invalidArgument, "'2147483648' for its number of outputs"),
        ("input 3\ndense 5 nobais", .invalidArgument, "layer 'fc1' goes on with 'nobais'"),
        ("input 3\ndense 5 bias nobias", .invalidArgument, "layer 'fc1' goes on with 'nobias'"),
        ("input 3\ndense 5 relu", .invalidArgument, "layer 'fc1' goes on with 'relu'"),
        ("input 3\ndense 5\nrelu 0.1", .invalidArgument, "line 3: 'relu 0.1' goes on with '0.1'"),
        ("input 3\ndense 5\nleaky_relu -1", .invalidArgument, "has the slope -1.0; it must not"),
        ("input 3\ndense 5\nleaky_relu nan", .invalidArgument, "goes on with 'nan'"),
        ("input 3\ndense 5\nleaky_relu 1e99", .invalidArgument, "goes on with '1e99'"),
        ("input 3\ndense 5\na = leaky_relu 0x1p3", .invalidArgument, "layer 'a' goes on with '0x1"),
        ("input 3\ndense 5\ntanh tanh", .invalidArgument, "line 3: 'tanh tanh' goes on with"),
        ("input 3\nflatten 2\ndense 2", .invalidArgument, "layer 'flatten1' goes on with '2'"),
        (
            "input 3\ndense 2 # five\ndense 2, bias", .invalidArgument,
            "line 3: layer 'fc2' has '2,'"
        ),
        // Bytes.
        ("input 3\ndense\u{a0}2", .invalidArgument, "line 2: it has the byte 194"),
        ("input 3\nd\u{e9}nse 2", .invalidArgument, "line 2: it has the byte 195"),
        ("input 3\nden\u{1}se 2", .invalidArgument, "line 2: it has the byte 1"),
        ("input 3\n\u{feff}dense 2", .invalidArgument, "line 2: it has the byte 239"),
        (
            "input 3\ndense 2 \(String(repeating: "x", count: 600))", .invalidArgument,
            "line 2: it has 608 bytes without its comment; the most is 512"
        ),
        // Sizes.
        (
            "input 2147483647\ndense 2147483647\ndense 2147483647", .outOfMemory,
            "line 2: 4611686014132420609 x 64 elements are more than memory can hold"
        ),
        (
            "input 3\n" + String(repeating: "dense 3\n", count: 1_025), .invalidArgument,
            "line 1026: a net has at most 1024 layers"
        ),
        (
            "input 3\ndense 3\n" + String(repeating: "relu\n", count: 1_025), .invalidArgument,
            "line 1027: a net has at most 1024 layers"
        ),
        (
            "input 3\ndense 3\n#" + String(repeating: " ", count: 65_536), .invalidArgument,
            "the architecture has 65553 bytes; the most is 65536"
        ),
    ]

    /// The same of images.
    private static let wrongImages: [(text: String, status: Status, sentence: String)] = [
        (
            "input 3x8x8\n\nconv 24 3x3\nmax_pool 2\nconv 32 1x1 groups 16", .shapeMismatch,
            "line 5: layer 'conv2' has 16 groups but gets 24 channels from 'pool1'"
        ),
        ("input 3x8x8\nconv 4", .invalidArgument, "line 2: layer 'conv1' lacks its kernel"),
        ("input 3x8x8\nconv 4 3", .invalidArgument, "'3' for its kernel; write it as 3x3"),
        ("input 3x8x8\nconv 4 3x3 pad", .invalidArgument, "layer 'conv1' lacks its padding"),
        ("input 3x8x8\nconv 4 3x3 stride 0", .invalidArgument, "'0' for its stride"),
        ("input 3x8x8\nconv 4 2x2 pad same", .invalidArgument, "'pad same' needs odd sizes"),
        (
            "input 3x8x8\nconv 4 9x9", .shapeMismatch,
            "layer 'conv1' has a kernel of 9x9, which does"
        ),
        ("input 3x8x8\nconv 4 3x3 nobias bias", .invalidArgument, "goes on with 'bias'"),
        ("input 3x8x8\nconv 4 3x3 relu", .invalidArgument, "goes on with 'relu'"),
        ("input 3x8x8\nconv 4 3x3 pad 2147483647", .invalidArgument, "line 2: "),
        (
            "input 3x8x8\nconv 4 3x3\nmax_pool 7\ndense 2", .shapeMismatch,
            "line 3: layer 'pool1' has windows of 7x7, which do not fit 'conv1'"
        ),
        ("input 3x8x8\nmax_pool\ndense 2", .invalidArgument, "layer 'pool1' lacks the size"),
        ("input 3x8x8\navg_pool 2 pad 2\ndense 2", .invalidArgument, "layer 'pool1' has a padding"),
        ("input 3x8x8\ndropout\ndense 2", .invalidArgument, "'drop1' lacks its probability"),
        ("input 3x8x8\ndropout 1\ndense 2", .invalidArgument, "has the probability 1.0; it must"),
        ("input 3x8x8\ndropout -1\ndense 2", .invalidArgument, "has the probability -1.0"),
        ("input 3x8x8\nglobal_avg_pool 2\ndense 2", .invalidArgument, "goes on with '2'"),
        ("input 3x8x8\nbatch_norm eps 0\ndense 2", .invalidArgument, "layer 'bn1' has the eps 0.0"),
        ("input 3x8x8\nbatch_norm momentum 2\ndense 2", .invalidArgument, "has the momentum 2.0"),
        ("input 3x8x8\nbatch_norm eps\ndense 2", .invalidArgument, "layer 'bn1' lacks its eps"),
        ("input 3x8x8\nbatch_norm 0.1\ndense 2", .invalidArgument, "goes on with '0.1'"),
        (
            "input 8\ndense 4\nconv 4 3x3 pad same", .unsupported,
            "line 3: layer 'conv1' reads images, but 'fc1' gives a vector of 4"
        ),
        (
            "input 3x8x8\nconv 4 3x3\nconv 4 1x1 of input\nadd of conv1 conv2\ndense 2",
            .shapeMismatch, "line 4: layer 'add1' reads values of 4x6x6 from 'conv1' and of 4x8x8"
        ),
    ]

    func testEveryWrongLineGivesItsSentence() throws {
        XCTAssertGreaterThanOrEqual(Self.wrong.count, 60)
        for (text, status, sentence) in Self.wrong + Self.wrongImages {
            XCTAssertThrowsError(try Graph(text: text), text) { error in
                let error = error as? TeleportError
                XCTAssertEqual(error?.status, status, text)
                XCTAssertTrue(
                    error?.message.contains(sentence) ?? false,
                    "\(text.prefix(80)): \(error?.message ?? "")")
            }
        }
    }

    func testBytesThatAreNoTextAreRefused() throws {
        for bytes in [[0x69, 0x6E, 0xFF], [0x69, 0x00, 0x69], [0xC0, 0x80]] as [[UInt8]] {
            let text = try Buffer<UInt8>(count: bytes.count)
            _ = text.elements.update(fromContentsOf: bytes)
            XCTAssertThrowsError(
                try Graph(text: UnsafeBufferPointer(text.elements))
            ) { error in
                XCTAssertEqual((error as? TeleportError)?.status, .invalidArgument)
            }
        }
    }

    func testUnknownArchitecturesAreNamed() throws {
        let shape = try Shape(channels: 3, height: 8, width: 8)
        for (name, classes, status, sentence) in [
            ("resnet-9", 10, .notFound, "'resnet-9'; there are mlp, lenet"),
            ("", 10, .notFound, "there is no architecture ''"),
            ("lenet", 10, .invalidArgument, "lenet needs images of at least 12x12"),
            ("mlp", 0, .invalidArgument, "classes is 0"),
        ] as [(String, Int, Status, String)] {
            XCTAssertThrowsError(
                try Architectures.text(name, input: shape, classes: classes)
            ) { error in
                let error = error as? TeleportError
                XCTAssertEqual(error?.status, status, name)
                XCTAssertTrue(error?.message.contains(sentence) ?? false, error?.message ?? "")
            }
        }
    }
}
