import Networks
import Runtime

extension Batch {
    /// On samples whose loss is no number nothing can be judged.
    func requireFinite() throws {
        let isWhole =
            allFinite(x, count: count * inputWidth)
            && (targets.map { allFinite($0, count: count * targetWidth) } ?? true)
        guard !isWhole else { return }
        for row in 0..<count where weights.map({ $0[row] > 0 }) ?? true {
            try requireFinite(x, row, inputWidth, "value")
            if let targets { try requireFinite(targets, row, targetWidth, "target") }
        }
    }

    private func requireFinite(
        _ values: UnsafePointer<Float>, _ row: Int, _ width: Int, _ what: String
    ) throws {
        for j in 0..<width where !values[row * width + j].isFinite {
            throw TeleportError(
                .notFinite, "\(what) \(j) of sample \(row) is \(values[row * width + j])")
        }
    }
}
