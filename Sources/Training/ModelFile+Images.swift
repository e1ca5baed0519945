import Datasets
import Files
import Networks
import Runtime

// How a model's images are prepared, in `__metadata__`: numbers as text, and the class names one a
// line. In names '%', control characters and what is not UTF-8 stand as % and two hexadecimal
// digits.

extension ModelFile {
    static let imagesKey = "teleport.images"
    static let meanKey = "teleport.images.mean"
    static let stdKey = "teleport.images.std"
    static let resamplingKey = "teleport.images.resampling"
    static let backgroundKey = "teleport.images.background"
    static let classesKey = "teleport.classes"

    static let newline = UInt8(ascii: "\n")
    static let percent = UInt8(ascii: "%")
}

extension Resampling: NamedInFiles {
    var fileName: String { "\(self)" }
}

extension SafetensorsWriter {
    func texts(of images: ImagePreparation) throws {
        func list(_ values: SIMD4<Float>) -> String {
            (0..<images.channels).map { "\(values[$0])" }.joined(separator: " ")
        }
        try text(ModelFile.imagesKey, "\(images.channels)x\(images.height)x\(images.width)")
        try text(ModelFile.meanKey, list(images.mean))
        try text(ModelFile.stdKey, list(images.std))
        if let resampling = images.resampling {
            try text(ModelFile.resamplingKey, resampling.fileName)
        }
        let background = images.background
        try text(ModelFile.backgroundKey, "\(background[0]) \(background[1]) \(background[2])")
        guard let names = images.classNames else { return }
        let escaped = try GrowingBuffer<UInt8>()
        for i in 0..<names.count {
            if i > 0 { try escaped.append(ModelFile.newline) }
            try escaped.append(escaping: names.bytes(i))
        }
        try text(ModelFile.classesKey, UnsafeBufferPointer(escaped.elements))
    }
}

extension GrowingBuffer<UInt8> {
    fileprivate func append(escaping name: UnsafeBufferPointer<UInt8>) throws {
        let digits = Array("0123456789ABCDEF".utf8)
        let isText = isUTF8(name)
        for byte in name {
            if byte < 0x20 || byte == 0x7F || byte == ModelFile.percent || (byte >= 0x80 && !isText)
            {
                try append(ModelFile.percent)
                try append(digits[Int(byte >> 4)])
                try append(digits[Int(byte & 15)])
            } else {
                try append(byte)
            }
        }
    }
}

extension Model {
    /// What an own file says of the images, if anything.
    func readImages(from file: SafetensorsReader) throws {
        guard file.text(ModelFile.imagesKey) != nil else { return }
        let shape = try file.requiredText(ModelFile.imagesKey).split(separator: "x").map { Int($0) }
        guard shape.count == 3, let channels = shape[0], let height = shape[1],
            let width = shape[2], (1...4).contains(channels)
        else { throw FileFailure(.format, "\(ModelFile.imagesKey) is no shape of images") }
        let mean: SIMD4<Float> = try file.numbers(ModelFile.meanKey, count: channels)
        let std: SIMD4<Float> = try file.numbers(ModelFile.stdKey, count: channels)
        let background: SIMD4<Int> = try file.numbers(ModelFile.backgroundKey, count: 3)
        let isResampled = file.text(ModelFile.resamplingKey) != nil
        images = try ImagePreparation(
            channels: channels, height: height, width: width, mean: mean, std: std,
            resampling: isResampled ? try file.member(ModelFile.resamplingKey) : nil,
            background: background,
            classNames: try file.text(ModelFile.classesKey).map(ModelFile.names))
        do {
            try images?.validate(for: graph)
        } catch let error as TeleportError where error.status == .shapeMismatch {
            throw FileFailure(.format, error.message)
        }
    }
}

extension SafetensorsReader {
    fileprivate func numbers<Number: SIMDScalar & LosslessStringConvertible & Numeric>(
        _ key: String, count: Int
    ) throws(FileFailure) -> SIMD4<Number> {
        let parts = try requiredText(key).split(separator: " ")
        var numbers = SIMD4<Number>(repeating: 0)
        guard parts.count == count else {
            throw FileFailure(.format, "\(key) has \(parts.count) numbers; \(count) are needed")
        }
        for (i, part) in parts.enumerated() {
            guard let number = Number(String(part)) else {
                throw FileFailure(.format, "\(key) has '\(part)', which is no number")
            }
            numbers[i] = number
        }
        return numbers
    }
}

extension ModelFile {
    /// The names of a text's lines.
    fileprivate static func names(_ text: UnsafeBufferPointer<UInt8>) throws -> StringTable {
        let table = try StringTable()
        let name = try GrowingBuffer<CChar>()
        var i = 0
        while i < text.count {
            var byte = text[i]
            i += 1
            if byte == percent {
                guard i + 1 < text.count, let high = digit(text[i]), let low = digit(text[i + 1])
                else { throw FileFailure(.format, "\(classesKey) has a '%' without two digits") }
                byte = high << 4 | low
                i += 2
            } else if byte == newline {
                try append(name, to: table)
                continue
            }
            guard byte != 0 else { throw FileFailure(.format, "\(classesKey) has a zero byte") }
            try name.append(CChar(bitPattern: byte))
        }
        try append(name, to: table)
        return table
    }

    private static func append(_ name: GrowingBuffer<CChar>, to table: StringTable) throws {
        guard name.count > 0, table.count < ImageConfig.mostClasses else {
            throw FileFailure(.format, "\(classesKey) has an empty name, or too many")
        }
        try table.append(name.pointer, length: name.count)
        name.removeLast(to: 0)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
