import Files
import Glibc
import Runtime

/// Files beside the images of a folder, for the message where there is no image: their number, and
/// the first by bytes.
final class OtherFiles {
    private static let capacity = Int(NAME_MAX) + 1

    private let first: Buffer<CChar>
    private var count = 0

    init() throws {
        first = try Buffer(repeating: 0, count: Self.capacity)
    }

    func reset() {
        count = 0
    }

    func add(_ name: UnsafePointer<CChar>) {
        if count == 0 || strcmp(name, first.pointer) < 0 {
            strncpy(first.pointer, name, Self.capacity - 1)
        }
        count += 1
    }

    /// "it has 12 others such as '1.jpg', only PNG is read", or nil where there are none.
    var sentence: String? {
        guard count > 0 else { return nil }
        let what = count == 1 ? "1 other," : "\(count) others such as"
        return "it has \(what) \(quoted(first.pointer)), only PNG is read"
    }
}
