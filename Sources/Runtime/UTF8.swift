/// Whether bytes are UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past
/// U+10FFFF.
///
/// It allocates nothing, unlike a `String` made to find out.
public func isUTF8(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var next = 0
    while next < bytes.count {
        let lead = bytes[next]
        next += 1
        // How many bytes follow, and the range of the first of them.
        let (following, low, high): (Int, UInt8, UInt8)
        switch lead {
        case 0x00...0x7F: continue
        case 0xC2...0xDF: (following, low, high) = (1, 0x80, 0xBF)
        case 0xE0: (following, low, high) = (2, 0xA0, 0xBF)
        case 0xE1...0xEC, 0xEE, 0xEF: (following, low, high) = (2, 0x80, 0xBF)
        case 0xED: (following, low, high) = (2, 0x80, 0x9F)
        case 0xF0: (following, low, high) = (3, 0x90, 0xBF)
        case 0xF1...0xF3: (following, low, high) = (3, 0x80, 0xBF)
        case 0xF4: (following, low, high) = (3, 0x80, 0x8F)
        default: return false
        }
        guard following <= bytes.count - next, (low...high).contains(bytes[next]) else {
            return false
        }
        for i in 1..<following where bytes[next + i] & 0xC0 != 0x80 { return false }
        next += following
    }
    return true
}
