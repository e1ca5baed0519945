import CShims
import Runtime

/// The windows of a pooling: `K|KHxKW [stride S] [pad P]`, a stride of the window's size and no
/// padding by default; as many as fit (PyTorch's floor), none of them in the padding alone.
struct Windows: Sendable {
    let input: Shape
    let output: Shape
    private let height: Int
    private let width: Int
    /// Nil: the window's height and width.
    private let step: Int?
    private let padding: Int

    init(_ arguments: inout LayerArguments, input: Shape) throws {
        let sizes = try arguments.sizes("the size of its window", counts: 1...2)
        self.input = input
        height = sizes[0]
        width = sizes[sizes.count - 1]
        step = arguments.take("stride") ? try arguments.count("its stride") : nil
        padding = arguments.take("pad") ? try arguments.count("its padding", least: 0) : 0
        guard padding <= min(height, width) / 2 else {
            throw TeleportError.invalid(
                "\(arguments.subject) has a padding of \(padding) for windows of \(height)x\(width); "
                    + "it must not exceed half of them")
        }
        let (rows, columns) = (
            input.height + 2 * padding - height, input.width + 2 * padding - width
        )
        guard rows >= 0, columns >= 0 else {
            throw TeleportError(
                .shapeMismatch,
                "\(arguments.subject) has windows of \(height)x\(width), which do not fit "
                    + "\(arguments.source()) of \(input.height)x\(input.width) with a padding of \(padding)"
            )
        }
        output = try arguments.output(
            channels: input.channels, height: rows / (step ?? height) + 1,
            width: columns / (step ?? width) + 1)
    }

    /// One window over all of an image, which makes a vector.
    init(over input: Shape) throws {
        self.input = input
        output = try Shape(channels: input.channels)
        (height, width, step, padding) = (input.height, input.width, nil, 0)
    }

    /// The words that make them again.
    var arguments: String {
        (height == width ? "\(height)" : "\(height)x\(width)")
            + (step.map { $0 == height && $0 == width ? "" : " stride \($0)" } ?? "")
            + (padding > 0 ? " pad \(padding)" : "")
    }

    /// Positions of a window, padding included.
    var size: Float { Float(height) * Float(width) }

    /// Positions that all windows read.
    var work: Int { output.count &* min(height, input.height) &* min(width, input.width) }

    /// Calls `body` with the place of each sample's first value, of the input and of the output.
    @inline(__always)
    func forEachSample(
        _ rows: Int, _ body: (inout shim_windows, _ input: Int, _ output: Int) -> Void
    ) {
        var windows = shim_windows(
            channels: input.channels, height: input.height, width: input.width,
            stride: input.rowStride, out_height: output.height, out_width: output.width,
            out_stride: output.rowStride, window_height: height, window_width: width,
            step_height: step ?? height, step_width: step ?? width, pad: padding)
        for row in 0..<rows {
            body(
                &windows, row &* input.storedCount &+ input.interiorOffset,
                row &* output.storedCount &+ output.interiorOffset)
        }
    }
}
