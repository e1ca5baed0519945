import CShims
import Runtime

/// The sizes of a convolution: `OUT KHxKW [stride S] [pad P|same] [groups G]`, and the kernels at
/// them. Windows are as many as fit (PyTorch's floor); `pad same` keeps the size at a stride of 1.
struct Convolution: Sendable {
    let input: Shape
    let output: Shape
    private let sizes: shim_convolution
    private let padsSame: Bool
    let weightCount: Int
    /// Of a sample, or what nobody waits for: nets and batches add and multiply it up.
    let multiplyAdds: Int
    private static let mostWork = 1 << 36

    init(_ arguments: inout LayerArguments, input: Shape) throws {
        let outputs = try arguments.count("its number of outputs")
        let kernel = try arguments.sizes("its kernel", counts: 2...2)
        var (stride, padding, groups): (Int?, Int?, Int?)
        var same = false
        while true {
            if stride == nil, arguments.take("stride") {
                stride = try arguments.count("its stride")
            } else if padding == nil, !same, arguments.take("pad") {
                same = arguments.take("same")
                if !same { padding = try arguments.count("its padding", least: 0) }
            } else if groups == nil, arguments.take("groups") {
                groups = try arguments.count("its groups")
            } else {
                break
            }
        }
        guard !same || kernel.allSatisfy({ $0 % 2 == 1 }) else {
            throw TeleportError.invalid(
                "\(arguments.subject) has a kernel of \(kernel[0])x\(kernel[1]); "
                    + "'pad same' needs odd sizes")
        }
        self.input = input
        padsSame = same
        let step = stride ?? 1
        let pads = kernel.map { same ? $0 / 2 : padding ?? 0 }
        let rows = input.height + 2 * pads[0] - kernel[0]
        let columns = input.width + 2 * pads[1] - kernel[1]
        guard rows >= 0, columns >= 0 else {
            throw TeleportError(
                .shapeMismatch,
                "\(arguments.subject) has a kernel of \(kernel[0])x\(kernel[1]), which does not fit "
                    + "\(arguments.source()) of \(input.height)x\(input.width) with a padding of \(pads[0])"
            )
        }
        let count = groups ?? 1
        guard input.channels % count == 0 else {
            throw TeleportError(
                .shapeMismatch,
                "\(arguments.subject) has \(count) groups but gets \(input.channels) channels from "
                    + arguments.source())
        }
        guard outputs % count == 0 else {
            throw TeleportError.invalid(
                "\(arguments.subject) has \(count) groups but makes \(outputs) channels")
        }
        let (height, width) = (rows / step + 1, columns / step + 1)
        guard max(height, width) <= Int(Int32.max) else {
            throw TeleportError.invalid(
                "\(arguments.subject) makes images of \(height)x\(width), which have more than "
                    + "\(Int32.max) rows or columns")
        }
        output = try arguments.output(channels: outputs, height: height, width: width)
        weightCount = try [input.channels / count, kernel[0], kernel[1]].reduce(outputs) {
            try Memory.product($0, $1)
        }
        // Packed weights are filled up to whole vectors.
        _ = try Memory.product(weightCount, 64)
        let (work, overflows) = weightCount.multipliedReportingOverflow(
            by: output.height * output.width)
        multiplyAdds = overflows ? Self.mostWork : min(work, Self.mostWork)
        sizes = shim_convolution(
            kernel_height: kernel[0], kernel_width: kernel[1], stride: step,
            padding_height: pads[0], padding_width: pads[1], groups: count,
            in_channels: input.channels, in_height: input.height, in_width: input.width,
            in_border: input.border, out_channels: outputs, out_height: output.height,
            out_width: output.width, out_border: output.border)
    }

    /// The words that make it again.
    var arguments: String {
        var words = "\(output.channels) \(sizes.kernel_height)x\(sizes.kernel_width)"
        if sizes.stride != 1 { words += " stride \(sizes.stride)" }
        if padsSame {
            words += " pad same"
        } else if sizes.padding_height > 0 {
            words += " pad \(sizes.padding_height)"
        }
        return sizes.groups == 1 ? words : words + " groups \(sizes.groups)"
    }

    var groups: Int { sizes.groups }
    var taps: Int { sizes.kernel_height &* sizes.kernel_width }
    var weightDimensions: [Int] {
        [
            output.channels, input.channels / sizes.groups, sizes.kernel_height,
            sizes.kernel_width,
        ]
    }
    /// As PyTorch counts it, whatever the groups.
    var fanOut: Int { get throws { try Memory.product(output.channels, taps) } }
    var inputBorder: Int { max(sizes.padding_height, sizes.padding_width) }
    var outputBorder: Int { withSizes { shim_convolution_back_border($0) } }
    var gradientRows: Int { withSizes { shim_convolution_gradient_rows($0) } }
    var forwardCount: Int { withSizes { shim_convolution_forward_count($0) } }
    var backCount: Int { withSizes { shim_convolution_back_count($0) } }

    @inline(__always)
    private func withSizes<Result>(_ body: (UnsafePointer<shim_convolution>) -> Result) -> Result {
        withUnsafePointer(to: sizes, body)
    }

    /// row <- what the output at one place reads, in the order of an output's weights: its
    /// channels, each by the kernel's rows.
    func copyPatch(
        _ place: Int, of image: UnsafePointer<Float>, to row: UnsafeMutablePointer<Float>
    ) {
        let (y, x) = (place / output.width, place % output.width)
        let first =
            image + input.interiorOffset
            + (y &* sizes.stride &- sizes.padding_height) &* input.rowStride
            + (x &* sizes.stride &- sizes.padding_width) &* input.channels
        var next = row
        for channel in 0..<input.channels {
            for i in 0..<sizes.kernel_height {
                for j in 0..<sizes.kernel_width {
                    next.pointee = first[i &* input.rowStride &+ j &* input.channels &+ channel]
                    next += 1
                }
            }
        }
    }

    // Packed weights: those of `forward`, then those of `back`.

    func pack(
        _ weights: UnsafePointer<Float>, to packed: UnsafeMutablePointer<Float>, isLearning: Bool
    ) {
        withSizes {
            shim_convolution_pack_forward($0, weights, packed)
            guard isLearning else { return }
            shim_convolution_pack_back($0, weights, packed + shim_convolution_forward_count($0))
        }
    }

    /// out <- f(x * weights + bias + (adds: out)), with f(z) = slope z for z <= 0.
    func forward(
        _ x: UnsafePointer<Float>, rows: Int, _ packed: UnsafePointer<Float>,
        bias: UnsafePointer<Float>? = nil, slope: Float = 1, adds: Bool = false,
        into out: UnsafeMutablePointer<Float>
    ) {
        withSizes {
            shim_convolution_forward($0, x, rows, packed, bias, slope, adds ? 1 : 0, out)
        }
    }

    /// below <- derivative by x + (adds: below)
    func back(
        _ delta: UnsafePointer<Float>, rows: Int, _ packed: UnsafePointer<Float>, adds: Bool,
        into below: UnsafeMutablePointer<Float>
    ) {
        withSizes {
            shim_convolution_back(
                $0, delta, rows, packed + shim_convolution_forward_count($0), adds ? 1 : 0, below)
        }
    }

    /// target <- beta target + alpha (derivative by the weights), for rows of the gradient.
    func accumulate(
        _ x: UnsafePointer<Float>, _ delta: UnsafePointer<Float>, rows: Int,
        into target: UnsafeMutablePointer<Float>, first: Int, count: Int, alpha: Float, beta: Float
    ) {
        withSizes {
            shim_convolution_gradient($0, x, delta, rows, first, count, alpha, beta, target)
        }
    }
}
