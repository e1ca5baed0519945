import CShims
import LinearAlgebra
import Runtime

/// Activations and errors of up to `capacity` samples: what a forward and a backward pass write.
///
/// Made once and used again; the passes allocate nothing.
public final class Workspace: @unchecked Sendable {
    /// Larger batches that are only measured go through in pieces of this many samples: at most 1,024, and fewer
    /// where a layer is so wide that a piece would take more than 16 MiB.
    public static func measuringRows(_ architecture: Architecture) -> Int {
        let widest = architecture.widths.reduce(1) { max($0, $1) }
        return min(max((4 << 20) / widest, 1), 1_024)
    }

    public let architecture: Architecture
    public private(set) var capacity: Int
    // Layer m has its outputs at column offset sum(widths[1 ... m]) * capacity; rows x width within.
    private var activationStorage: Buffer<Float>
    private var errorStorage: Buffer<Float>?
    private let partialLosses: Buffer<PartialLoss>

    public init(_ architecture: Architecture, capacity: Int, backward: Bool) throws {
        self.architecture = architecture
        self.capacity = capacity
        let elements = try Self.elements(architecture, capacity)
        activationStorage = try Buffer(count: elements)
        errorStorage = backward ? try Buffer(count: elements) : nil
        partialLosses = try Buffer(
            repeating: PartialLoss(), count: ThreadPool.maximumThreadCount)
    }

    /// Room for `rows` samples; what is there is lost when it grows. On failure nothing changes.
    public func reserve(_ rows: Int) throws {
        guard rows > capacity else { return }
        let elements = try Self.elements(architecture, rows)
        let activations = try Buffer<Float>(count: elements)
        if errorStorage != nil { errorStorage = try Buffer(count: elements) }
        activationStorage = activations
        capacity = rows
    }

    private static func elements(_ architecture: Architecture, _ rows: Int) throws -> Int {
        try Memory.product(architecture.widths.dropFirst().reduce(0, +), rows)
    }

    /// The pointers of a pass; valid while the workspace lives and does not grow.
    var pass: Pass {
        Pass(
            layers: UnsafePointer(architecture.layers.pointer), layerCount: architecture.layerCount,
            activation: architecture.activation, activations: activationStorage.pointer,
            errors: errorStorage?.pointer, capacity: capacity, partialLosses: partialLosses.pointer)
    }

    /// h of a layer after a forward pass: rows x its outputs.
    public func activations(of layer: Int) -> UnsafePointer<Float> {
        UnsafePointer(pass.place(of: layer, in: activationStorage.pointer))
    }

    /// delta of a layer after `lossAndErrors`: rows x its outputs.
    public func errors(of layer: Int) -> UnsafePointer<Float> {
        UnsafePointer(pass.place(of: layer, in: (errorStorage ?? activationStorage).pointer))
    }

    /// Outputs of the last layer after a forward pass: rows x output width.
    public var outputs: UnsafeMutablePointer<Float> { pass.outputs }
}

/// What one part of a pass finds.
struct PartialLoss {
    var loss = 0.0
    /// Sums over layers of the largest |delta|, and of the largest |h| that deltas are multiplied by.
    var errors = 0.0
    var factors = 0.0
}

/// One batch on its way through the network: plain pointers, so that the hot path counts no references.
struct Pass {
    let layers: UnsafePointer<LayerShape>
    let layerCount: Int
    let activation: Activation
    let activations: UnsafeMutablePointer<Float>
    let errors: UnsafeMutablePointer<Float>?
    let capacity: Int
    let partialLosses: UnsafeMutablePointer<PartialLoss>

    var outputs: UnsafeMutablePointer<Float> { place(of: layerCount - 1, in: activations) }

    /// Where layer `layer` keeps its rows.
    @inline(__always)
    func place(of layer: Int, in storage: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<
        Float
    > {
        var columns = 0
        for m in 0..<layer { columns &+= layers[m].outputs }
        return storage + columns * capacity
    }

    // Shapes: x: rows x inputs; W: outputs x inputs; h, delta: rows x outputs.

    /// Rows first ..< first + count through all layers; x nil: the identity. `hasFirstProduct`: the first layer's x W^T is
    /// in place.
    func forward(
        _ parameters: UnsafePointer<Float>, _ x: UnsafePointer<Float>?, first: Int, count: Int,
        hasFirstProduct: Bool
    ) {
        var input = x.map { $0 + first * layers[0].inputs }
        for m in 0..<layerCount {
            let layer = layers[m]
            let output = place(of: m, in: activations) + first * layer.outputs
            if m > 0 || !hasFirstProduct {
                multiply(
                    input, by: parameters + layer.weightOffset, layer, into: output, first: first,
                    count: count)
            }
            let bias = layer.hasBias ? parameters + layer.biasOffset : nil
            if m < layerCount - 1 {
                activation.apply(output, rows: count, width: layer.outputs, bias: bias)
            } else if let bias {
                shim_add_bias(output, count, layer.outputs, bias)
            }
            input = UnsafePointer(output)
        }
    }

    /// x W^T of the first layer, for all of `rows` and outputs first ..< first + count.
    func multiplyFirstLayer(
        _ parameters: UnsafePointer<Float>, _ x: UnsafePointer<Float>, rows: Int, first: Int,
        count: Int
    ) {
        let layer = layers[0]
        BLAS.multiply(
            x, stride: layer.inputs,
            parameters + layer.weightOffset + first * layer.inputs, .yes, stride: layer.inputs,
            into: activations + first, stride: layer.outputs, m: rows, n: count, k: layer.inputs)
    }

    /// output <- input W^T, for rows `first ..< first + count`; input nil: the identity.
    func multiply(
        _ input: UnsafePointer<Float>?, by weights: UnsafePointer<Float>, _ layer: LayerShape,
        into output: UnsafeMutablePointer<Float>, first: Int, count: Int
    ) {
        if let input {
            BatchProducts.rows(
                input, weights, into: output, m: count, n: layer.outputs, k: layer.inputs)
        } else {
            BatchProducts.transpose(
                weights + first, stride: layer.inputs, into: output, stride: layer.outputs,
                m: layer.outputs, n: count)
        }
    }

    /// Errors of the hidden layers from those of the last: delta_m = (delta_(m+1) W_(m+1)) * f'(z_m).
    func backward(
        _ parameters: UnsafePointer<Float>, _ errors: UnsafeMutablePointer<Float>, first: Int,
        count: Int
    ) {
        for m in stride(from: layerCount - 1, to: 0, by: -1) {
            let layer = layers[m]
            let delta = place(of: m, in: errors) + first * layer.outputs
            let below = place(of: m - 1, in: errors) + first * layer.inputs
            BLAS.multiply(
                delta, stride: layer.outputs,
                parameters + layer.weightOffset, stride: layer.inputs,
                into: below, stride: layer.inputs, m: count, n: layer.inputs, k: layer.outputs)
            activation.multiplyByDerivative(
                below, h: place(of: m - 1, in: activations) + first * layer.inputs,
                count: count * layer.inputs)
        }
    }

    /// target <- beta target + alpha gradient, for rows `first ..< first + count` of W_m and b_m; x nil: the identity.
    func accumulate(
        layer m: Int, rows: Int, first: Int, count: Int, x: UnsafePointer<Float>?,
        errors: UnsafeMutablePointer<Float>, into target: UnsafeMutablePointer<Float>,
        alpha: Float, beta: Float
    ) {
        let layer = layers[m]
        let delta = place(of: m, in: errors)
        let input = m == 0 ? x : UnsafePointer(place(of: m - 1, in: activations))
        let weights = target + layer.weightOffset + first * layer.inputs
        if let input {
            BatchProducts.columns(
                delta + first, stride: layer.outputs, input, into: weights, m: count,
                n: layer.inputs, k: rows, alpha: alpha, beta: beta)
        } else {
            BatchProducts.transpose(
                delta + first, stride: layer.outputs, into: weights, stride: layer.inputs,
                m: rows, n: count, alpha: alpha, beta: beta)
        }
        guard layer.hasBias else { return }
        shim_column_sums(
            delta + first, rows, count, layer.outputs, alpha, beta,
            target + layer.biasOffset + first)
    }
}
