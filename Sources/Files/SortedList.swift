import Runtime

/// Numbers in an order that the caller knows, each once.
struct SortedList {
    private let numbers: GrowingBuffer<Int32>

    init() throws { numbers = try GrowingBuffer() }

    var count: Int { numbers.count }
    subscript(position: Int) -> Int { Int(numbers[position]) }

    /// The position of the first number for which `isBefore` does not hold.
    /// - Complexity: O(log count)
    func position(_ isBefore: (Int) -> Bool) -> Int {
        var low = 0
        var high = numbers.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(Int(numbers[middle])) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// - Complexity: O(count), moving four bytes a number.
    func insert(_ number: Int, at position: Int) throws {
        try numbers.append(0)
        let place = numbers.pointer + position
        (place + 1).update(from: place, count: numbers.count - 1 - position)
        place.pointee = Int32(truncatingIfNeeded: number)
    }
}
