import Runtime

/// The files that a data set is read from, in its order.
struct ImageFiles {
    let paths: StringTable
    /// One for each path; empty without labels.
    let labels: GrowingBuffer<Int32>
    /// Paths that no listing has shown to be regular files.
    let suspicious: GrowingBuffer<Bool>
    let classNames: StringTable

    init() throws {
        paths = try StringTable()
        labels = try GrowingBuffer()
        suspicious = try GrowingBuffer()
        classNames = try StringTable()
    }

    var count: Int { paths.count }

    /// Puts a file into the place of an earlier one that is left out.
    func move(from source: Int, to target: Int) {
        guard source != target else { return }
        paths.move(from: source, to: target)
        if labels.count > 0 { labels[target] = labels[source] }
    }

    func removeLast(to remaining: Int) {
        paths.removeLast(to: remaining)
        labels.removeLast(to: remaining)
    }
}
