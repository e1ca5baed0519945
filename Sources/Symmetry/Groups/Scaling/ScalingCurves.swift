import Layers
import Networks
import Runtime

/// W[i,j] exp(t (s_row(i) - s_col(j))): every derivative is a factor.
struct ScalingCurves: CurveFamily {
    private let classes: ChannelClasses
    private let layers: [Int]
    private let s: Buffer<Double>

    init(_ graph: Graph, layers: [Int]) throws {
        classes = try ChannelClasses(graph)
        self.layers = layers
        s = try Buffer(count: classes.channelCount)
    }

    func addCurve(
        at model: Model, _ generator: inout RandomGenerator, _ velocity: Buffer<Double>,
        _ acceleration: Buffer<Double>
    ) throws {
        s.pointer.update(repeating: 0, count: s.count)
        var norm2 = 0.0
        for m in layers {
            for i in classes.channels(of: m) {
                s.pointer[i] = generator.nextNormal()
                norm2 += s.pointer[i] * s.pointer[i]
            }
        }
        for i in 0..<s.count { s.pointer[i] /= norm2.squareRoot() }
        let weights = model.parameters.pointer
        let (first, second) = (velocity.pointer, acceleration.pointer)
        func add(_ begin: Int, _ count: Int, _ rate: Double) {
            guard rate != 0 else { return }
            for place in begin..<begin + count {
                let value = Double(weights[place])
                first[place] += value * rate
                second[place] += value * rate * rate
            }
        }
        for block in classes.blocks {
            let rows = classes.rows(s.pointer, block)
            let columns = classes.columns(s.pointer, block)
            for i in 0..<block.rows {
                let row = rows?[i] ?? 0
                guard let columns else {
                    add(block.offset + i * block.columns, block.columns, row)
                    continue
                }
                block.forEachChannel(ofRow: i) { channel, begin in
                    add(begin, block.columnsPerChannel, row - columns[channel])
                }
            }
        }
    }
}
