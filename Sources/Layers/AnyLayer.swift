/// A layer of some kind behind a class, so that a plan can call it through `Unmanaged`: one
/// indirect call, no existential to open and no reference to count.
public class AnyLayer: @unchecked Sendable {
    public let facts: any Layer

    fileprivate init(facts: any Layer) { self.facts = facts }

    public func forward(_ pass: LayerPass) {}
    public func backward(_ pass: LayerPass) {}
    public func accumulate(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, first: Int, count: Int,
        alpha: Float, beta: Float
    ) {}
    public func forwardTangent(_ pass: LayerPass) {}
    public func backwardTangent(_ pass: LayerPass) {}
    public func accumulateTangent(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, beta: Float
    ) {}
    public func sharesOutputs(rows: Int, parts: Int) -> Bool { false }
    public func multiply(_ pass: LayerPass, first: Int, count: Int) {}
    public func prepare(_ pass: LayerPass) {}
    public func prepareTangent(_ pass: LayerPass) {}
    public func gather(_ pass: LayerPass, _ phase: PassPhase) {}
    public func meet(_ pass: LayerPass, _ phase: PassPhase) {}
    public func updateStatistics(_ pass: LayerPass, _ statistics: UnsafeMutablePointer<Float>) {}
}

extension Layer {
    public func boxed() -> AnyLayer { LayerBox(self) }
}

private final class LayerBox<Kind: Layer>: AnyLayer, @unchecked Sendable {
    private let kind: Kind

    init(_ kind: Kind) {
        self.kind = kind
        super.init(facts: kind)
    }

    override func forward(_ pass: LayerPass) { kind.forward(pass) }
    override func backward(_ pass: LayerPass) { kind.backward(pass) }
    override func accumulate(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, first: Int, count: Int,
        alpha: Float, beta: Float
    ) {
        kind.accumulate(
            pass, into: target, first: first, count: count, alpha: alpha, beta: beta)
    }
    override func forwardTangent(_ pass: LayerPass) { kind.forwardTangent(pass) }
    override func backwardTangent(_ pass: LayerPass) { kind.backwardTangent(pass) }
    override func accumulateTangent(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, beta: Float
    ) {
        kind.accumulateTangent(pass, into: target, beta: beta)
    }
    override func sharesOutputs(rows: Int, parts: Int) -> Bool {
        kind.sharesOutputs(rows: rows, parts: parts)
    }
    override func multiply(_ pass: LayerPass, first: Int, count: Int) {
        kind.multiply(pass, first: first, count: count)
    }
    override func prepare(_ pass: LayerPass) { kind.prepare(pass) }
    override func prepareTangent(_ pass: LayerPass) { kind.prepareTangent(pass) }
    override func gather(_ pass: LayerPass, _ phase: PassPhase) { kind.gather(pass, phase) }
    override func meet(_ pass: LayerPass, _ phase: PassPhase) { kind.meet(pass, phase) }
    override func updateStatistics(
        _ pass: LayerPass, _ statistics: UnsafeMutablePointer<Float>
    ) {
        kind.updateStatistics(pass, statistics)
    }
}
