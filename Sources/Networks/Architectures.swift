import Layers
import Runtime

/// Known nets as texts to start from.
public enum Architectures {
    private static let builders:
        [(
            name: String, leastSize: Int,
            write: @Sendable (TextWriter, Shape, Int) throws -> Void
        )] = [
            ("mlp", 1, { try mlp($0, $1, $2) }), ("lenet", 12, { try lenet($0, $1, $2) }),
            ("vgg-small", 4, { try vggSmall($0, $1, $2) }),
            ("resnet-8", 4, { try resnet($0, $1, $2, blocks: 1) }),
            ("resnet-14", 4, { try resnet($0, $1, $2, blocks: 2) }),
            ("resnet-20", 4, { try resnet($0, $1, $2, blocks: 3) }),
        ]

    public static var names: [String] { builders.map { $0.name } }

    /// The text of the net `name` for inputs of a shape and a number of classes, UTF-8.
    public static func text(_ name: String, input: Shape, classes: Int) throws -> Buffer<UInt8> {
        guard let builder = builders.first(where: { $0.name == name }) else {
            throw TeleportError(
                .notFound,
                "there is no architecture '\(name)'; there are \(names.joined(separator: ", "))")
        }
        guard classes >= 1 else {
            throw TeleportError.invalid("classes is \(classes); it must be at least 1")
        }
        guard min(input.height, input.width) >= builder.leastSize else {
            throw TeleportError.invalid(
                "\(name) needs images of at least \(builder.leastSize)x\(builder.leastSize); these have \(input.height)x\(input.width)"
            )
        }
        let writer = try TextWriter()
        try builder.write(writer, input, classes)
        return try writer.text()
    }

    /// Perceptrons read an image as a vector: the text of the widths C H W, 64, 64, classes.
    private static func mlp(_ text: TextWriter, _ input: Shape, _ classes: Int) throws {
        let activation = Activation(.leakyReLU).line
        try text.line("input \(input.count)")
        for _ in 0..<2 {
            try text.line("dense 64")
            try text.line(activation)
        }
        try text.line("dense \(classes)")
    }

    /// LeNet-5 (LeCun, Bottou, Bengio and Haffner, Proceedings of the IEEE 86(11), 1998), with ReLU
    /// and max pooling as it is used today.
    private static func lenet(_ text: TextWriter, _ input: Shape, _ classes: Int) throws {
        try text.image(input)
        for line in [
            "conv 6 5x5 pad same", "relu", "max_pool 2", "conv 16 5x5", "relu", "max_pool 2",
            "dense 120", "relu", "dense 84", "relu", "dense \(classes)",
        ] {
            try text.line(line)
        }
    }

    /// Three pairs of 3x3 convolutions with norms, as VGG has them (arXiv 1409.1556), and an
    /// average over what is left of the image.
    private static func vggSmall(_ text: TextWriter, _ input: Shape, _ classes: Int) throws {
        try text.image(input)
        for channels in [32, 64, 128] {
            for _ in 0..<2 {
                for line in ["conv \(channels) 3x3 pad same", "batch_norm", "relu"] {
                    try text.line(line)
                }
            }
            if channels < 128 { try text.line("max_pool 2") }
        }
        try text.line("global_avg_pool")
        try text.line("dense \(classes)")
    }

    /// Residual nets for small images (arXiv 1512.03385, section 4.2): three stages of 16, 32 and
    /// 64 channels with `blocks` blocks each, 6 blocks + 2 layers; a 1x1 convolution where the
    /// stream changes its shape.
    private static func resnet(
        _ text: TextWriter, _ input: Shape, _ classes: Int, blocks: Int
    ) throws {
        try text.image(input)
        try text.line("conv 16 3x3 pad same")
        try text.line("batch_norm")
        try text.line("s0 = relu")
        var block = 0
        for channels in [16, 32, 64] {
            for first in (0..<blocks).map({ $0 == 0 && channels > 16 }) {
                block += 1
                let stride = first ? " stride 2" : ""
                try text.line("# block \(block)")
                try text.line("conv \(channels) 3x3 pad same\(stride) of s\(block - 1)")
                try text.line("batch_norm")
                try text.line("relu")
                try text.line("conv \(channels) 3x3 pad same")
                try text.line("r\(block) = batch_norm")
                var shortcut = "s\(block - 1)"
                if first {
                    try text.line("conv \(channels) 1x1 stride 2 of \(shortcut)")
                    try text.line("p\(block) = batch_norm")
                    shortcut = "p\(block)"
                }
                try text.line("add of r\(block) \(shortcut)")
                try text.line("s\(block) = relu")
            }
        }
        try text.line("global_avg_pool")
        try text.line("dense \(classes)")
    }
}

extension TextWriter {
    /// The input as an image, of one pixel too.
    fileprivate func image(_ shape: Shape) throws {
        try line("input \(shape.channels)x\(shape.height)x\(shape.width)")
    }
}
