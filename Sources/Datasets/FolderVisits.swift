import Runtime

/// The folders entered so far, by device and inode: links may lead anywhere, also in circles.
///
/// Open addressing with linear probing, at most half full.
struct FolderVisits {
    private struct Slot: BitwiseCopyable {
        var device: UInt64 = 0
        var inode: UInt64 = 0
        var isTaken = false
    }

    private var slots: Buffer<Slot>
    private var count = 0

    init() throws {
        slots = try Buffer(repeating: Slot(), count: 64)
    }

    /// Notes a folder and tells whether it is new.
    mutating func insert(device: UInt64, inode: UInt64) throws -> Bool {
        if count * 2 >= slots.count { try grow() }
        guard Self.place(device, inode, in: slots) else { return false }
        count += 1
        return true
    }

    private mutating func grow() throws {
        let larger = try Buffer(repeating: Slot(), count: Memory.product(slots.count, 2))
        for slot in slots.elements where slot.isTaken {
            _ = Self.place(slot.device, slot.inode, in: larger)
        }
        slots = larger
    }

    private static func place(_ device: UInt64, _ inode: UInt64, in slots: Buffer<Slot>) -> Bool {
        // A multiplicative hash (Knuth): sizes are powers of two, the high bits are the mixed ones.
        let mixed = (inode &+ device &* 0xD1B5_4A32_D192_ED03) &* 0x9E37_79B9_7F4A_7C15
        var index = Int(truncatingIfNeeded: mixed >> 20) & (slots.count - 1)
        while slots.pointer[index].isTaken {
            let slot = slots.pointer[index]
            if slot.device == device && slot.inode == inode { return false }
            index = (index + 1) & (slots.count - 1)
        }
        slots.pointer[index] = Slot(device: device, inode: inode, isTaken: true)
        return true
    }
}
