import Runtime

@testable import Layers

// To add a kind of layer: write `Sources/Layers/<Kind>.swift`, a struct that conforms to `Layer`
// (its first lines of documentation give the line of the graph text and the formula); name it in
// `LayerKinds.all`; and add its lines to `cases` and `wrong` below. That is all: passes, plans,
// files and symmetries read the facts that the kind states, and `EveryKindTests` holds it to the
// law that `Layer` states.

/// What the law of layers is tested on.
enum KindCases {
    /// Lines of every kind, with the shapes that they read: a vector, or C, H and W of an image.
    private static let cases: [(line: String, inputs: [[Int]])] = [
        ("dense 5", [[7]]), ("dense 5 nobias", [[7]]), ("dense 33", [[48]]), ("dense 1", [[1]]),
        ("add", [[6], [6]]), ("add", [[2, 3, 4], [2, 3, 4]]), ("add", [[17, 1, 3], [17, 1, 3]]),
        ("sample_table 6", [[9]]), ("sample_table 6 nobias", [[9]]),
        ("flatten", [[2, 3, 4]]), ("flatten", [[7]]), ("flatten", [[5, 2, 9]]),
        ("input 3x4x5", [[3, 4, 5]]), ("input 1x3x3", [[1, 3, 3]]),
        ("conv 3 3x3 pad same", [[2, 4, 3]]), ("conv 5 2x3 nobias", [[3, 3, 4]]),
        ("conv 9 3x3 pad 1 stride 2", [[1, 4, 5]]), ("conv 2 1x1 stride 3", [[17, 3, 4]]),
        ("conv 17 3x2 pad 1", [[2, 2, 3]]), ("conv 4 3x3 pad 2 stride 2 groups 2", [[6, 3, 3]]),
        ("conv 6 1x3 pad same groups 3", [[3, 2, 4]]), ("conv 2 4x4 pad 3 stride 3", [[1, 3, 2]]),
        ("conv 5 3x3 pad same groups 5", [[5, 3, 4]]), ("conv 2 2x2", [[2, 2, 2]]),
        ("conv 18 2x2 stride 2 groups 18 nobias", [[18, 3, 3]]),
        ("max_pool 2", [[3, 4, 4]]), ("max_pool 2", [[2, 5, 3]]), ("max_pool 2x3", [[1, 5, 6]]),
        ("max_pool 3 stride 2 pad 1", [[2, 5, 6]]), ("max_pool 3 stride 1 pad 1", [[17, 3, 2]]),
        ("max_pool 2 stride 3", [[3, 6, 5]]),
        ("avg_pool 2", [[3, 4, 4]]), ("avg_pool 3x2 stride 1 pad 1", [[2, 4, 5]]),
        ("avg_pool 2", [[18, 2, 5]]), ("avg_pool 3 stride 2 pad 1", [[3, 5, 4]]),
        ("global_avg_pool", [[4, 3, 5]]), ("global_avg_pool", [[17, 2, 2]]),
        ("batch_norm", [[5]]), ("batch_norm", [[2, 3, 4]]), ("batch_norm", [[17, 2, 3]]),
        ("batch_norm eps 0.01 momentum 0.25", [[16, 1, 2]]),
        ("dropout 0.25", [[7]]), ("dropout 0.5", [[3, 3, 4]]), ("dropout 0", [[2]]),
        ("activate", [[7]]), ("activate", [[3, 2, 4]]),
    ]

    /// Lines that no layer can be made of, with a part of the sentence.
    static let wrong: [(line: String, inputs: [[Int]], sentence: String)] = [
        ("dense", [[7]], "'dense' lacks its number of outputs"),
        ("dense 0", [[7]], "'dense 0' has '0' for its number of outputs"),
        ("dense -3", [[7]], "'-3'"), ("dense 5.5", [[7]], "'5.5'"),
        ("dense 99999999999999999999", [[7]], "must be 1 to"),
        ("dense 5 nobais", [[7]], "goes on with 'nobais'"),
        ("dense 5 bias nobias", [[7]], "'nobias'"),
        ("conv", [[3, 8, 8]], "'conv' lacks its number of outputs"),
        ("conv 0 3x3", [[3, 8, 8]], "'0' for its number of outputs"),
        ("conv 8", [[3, 8, 8]], "lacks its kernel"),
        ("conv 8 3", [[3, 8, 8]], "'3' for its kernel; write it as 3x3"),
        ("conv 8 3x3x3", [[3, 8, 8]], "'3x3x3' for its kernel"),
        ("conv 8 0x3", [[3, 8, 8]], "'0x3' for its kernel"),
        ("conv 8 3x", [[3, 8, 8]], "'3x' for its kernel"),
        ("conv 8 3x3 stride", [[3, 8, 8]], "lacks its stride"),
        ("conv 8 3x3 stride 0", [[3, 8, 8]], "'0' for its stride; it must be 1 to"),
        ("conv 8 3x3 pad", [[3, 8, 8]], "lacks its padding"),
        ("conv 8 3x3 pad -1", [[3, 8, 8]], "'-1' for its padding; it must be 0 to"),
        ("conv 8 3x3 pad 1 pad 1", [[3, 8, 8]], "goes on with 'pad'"),
        ("conv 8 3x3 pad same pad 1", [[3, 8, 8]], "goes on with 'pad'"),
        ("conv 8 2x3 pad same", [[3, 8, 8]], "a kernel of 2x3; 'pad same' needs odd sizes"),
        ("conv 8 9x3", [[3, 8, 8]], "a kernel of 9x3, which does not fit its input of 8x8"),
        (
            "conv 16 3x3 groups 16", [[24, 8, 8]],
            "has 16 groups but gets 24 channels from its input"
        ),
        ("conv 8 3x3 groups 3", [[6, 8, 8]], "has 3 groups but makes 8 channels"),
        ("conv 8 3x3 groups 0", [[6, 8, 8]], "'0' for its groups"),
        ("conv 8 3x3 bias nobias", [[3, 8, 8]], "goes on with 'nobias'"),
        ("conv 8 3x3 nobias stride 2", [[3, 8, 8]], "goes on with 'stride'"),
        ("conv 8 1x1 pad 2000000000", [[3, 8, 8]], "makes images of 4000000008x4000000008"),
        ("conv 9 2000000000x2000000000 pad 1999999999", [[3, 8, 8]], "memory can hold"),
        ("conv 8 3x3", [[3, 8, 8], [3, 8, 8]], "reads one layer; 2 given"),
        ("dense 5", [[7], [7]], "reads one layer; 2 given"),
        ("add", [[6]], "reads two layers; 1 given"), ("add", [[6], [7]], "they must be alike"),
        ("add 3", [[6], [6]], "goes on with '3'"),
        ("sample_table", [[9]], "lacks"),
        ("flatten", [[6], [6]], "reads one layer; 2 given"),
        ("flatten 3", [[6]], "goes on with '3'"),
        ("input 3x4", [[3, 4, 5]], "write it as 3x32x32"), ("input", [[3, 4, 5]], "lacks"),
        ("input 3x4x5", [[3, 5, 4]], "is 3x4x5 but reads 3x5x4"),
        ("max_pool", [[3, 4, 4]], "lacks the size of its window"),
        ("max_pool 0", [[3, 4, 4]], "'0'"), ("max_pool 2x2x2", [[3, 4, 4]], "'2x2x2'"),
        ("max_pool 2 stride 0", [[3, 4, 4]], "'0' for its stride"),
        ("max_pool 2 pad 2", [[3, 4, 4]], "a padding of 2 for windows of 2x2"),
        ("max_pool 5", [[3, 4, 4]], "windows of 5x5, which do not fit"),
        ("max_pool 2147483647 pad 1073741824", [[3, 4, 4]], "must not exceed half"),
        ("max_pool 2 same", [[3, 4, 4]], "goes on with 'same'"),
        ("max_pool 2", [[3, 4, 4], [3, 4, 4]], "reads one layer; 2 given"),
        ("avg_pool 2 pad", [[3, 4, 4]], "lacks its padding"),
        ("avg_pool 3 pad -1", [[3, 4, 4]], "'-1'"),
        ("avg_pool 2", [[7]], "do not fit"),
        ("global_avg_pool 2", [[3, 4, 4]], "goes on with '2'"),
        ("batch_norm eps", [[5]], "lacks its eps"),
        ("batch_norm eps 0", [[5]], "has the eps 0.0"),
        ("batch_norm eps -1", [[5]], "above 0"),
        ("batch_norm eps nan", [[5]], "'nan' for its eps"),
        ("batch_norm eps 1e-2000", [[5]], "has the eps 0.0"),
        ("batch_norm momentum 1.5", [[5]], "has the momentum 1.5"),
        ("batch_norm momentum 0.1 eps 1", [[5]], "goes on with 'eps'"),
        ("batch_norm", [[5], [5]], "reads one layer; 2 given"),
        ("dropout", [[5]], "lacks its probability"), ("dropout 1", [[5]], "below 1"),
        ("dropout -0.1", [[5]], "at least 0"), ("dropout half", [[5]], "'half'"),
        ("activate relu", [[5]], "goes on with 'relu'"),
        ("", [[9]], "names no kind"), ("dens 5", [[9]], "dense"),
    ]

    private static let activations: [Activation] = [
        Activation(.identity), Activation(.leakyReLU, negativeSlope: 0.2), Activation(.sigmoid),
        Activation(.tanh),
    ]

    static func shape(_ dimensions: [Int], border: Int = 0) throws -> Shape {
        guard dimensions.count == 3 else { return try Shape(channels: dimensions[0]) }
        return try Shape(
            channels: dimensions[0], height: dimensions[1], width: dimensions[2], border: border)
    }

    /// Borders of the inputs and of the output beyond those that the layer asks for.
    private static let borders: [(inputs: [Int], output: Int)] = [
        ([0, 0], 0), ([1, 0], 2), ([2, 3], 1),
    ]

    /// Every case with every activation, and images with several borders.
    static func layers() throws -> [any Layer] {
        var layers: [any Layer] = []
        for (line, inputs) in cases {
            let shapes = try inputs.map { try shape($0) }
            let plain = try LayerKinds.layer(line, inputs: shapes)
            let hasImages = !(shapes + [plain.output]).allSatisfy { $0.isVector }
            for borders in hasImages ? borders : [borders[0]] {
                let isData = type(of: plain).word == Image.word
                let inputs = try inputs.enumerated().map { index, dimensions in
                    try shape(
                        dimensions,
                        border: isData || dimensions.count < 3
                            ? 0 : plain.inputBorder + borders.inputs[index])
                }
                for activation in type(of: plain).takesActivation ? activations : [activations[0]] {
                    layers.append(
                        try LayerKinds.layer(
                            line, inputs: inputs, activation: activation,
                            border: plain.outputBorder
                                + (plain.output.isVector ? 0 : borders.output))
                    )
                }
            }
        }
        return layers
    }
}
