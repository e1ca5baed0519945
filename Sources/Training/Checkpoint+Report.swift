import Files
import Runtime
import Symmetry

// The report of a teleport that may still be undone, in a checkpoint: numbers in __metadata__ under
// teleport.trainer.watched.*, by the names of tp_teleport_report. A field that a file lacks keeps
// its default and one that only a newer library knows is left alone, so fields may come without a
// new format.
//
// At first it was a tensor of 26 numbers by their position, which is still read.

private let byPosition = "trainer.watched_teleport"

private func key(_ name: String) -> String { CheckpointFile.key("watched." + name) }

extension SafetensorsWriter {
    func texts(of report: TeleportReport) throws {
        let kinds = [
            ("outcome", Int(report.outcome.rawValue)), ("group", Int(report.group.rawValue)),
            ("search", Int(report.search.rawValue)), ("layer", report.layer ?? -1),
            ("halves_shared", report.halvesShared ? 1 : 0),
        ]
        for (name, value) in kinds { try text(key(name), value.description) }
        for (name, field) in TeleportReport.counts {
            try text(key(name), report[keyPath: field].description)
        }
        for (name, field) in TeleportReport.measures {
            try text(key(name), report[keyPath: field].description)
        }
    }
}

extension TeleportReport {
    // The first five and the first sixteen stand in the order of files by position; new ones go to
    // the end.

    fileprivate static var counts: [(String, WritableKeyPath<TeleportReport, Int>)] {
        [
            ("steps", \.steps), ("backtracks", \.backtracks), ("candidates", \.candidates),
            ("refused", \.refused), ("rank", \.rank),
        ]
    }

    fileprivate static var measures: [(String, WritableKeyPath<TeleportReport, Double>)] {
        [
            ("radius", \.radius), ("loss_before", \.lossBefore), ("loss_after", \.lossAfter),
            ("held_out_before", \.heldOutBefore), ("held_out_after", \.heldOutAfter),
            ("objective_before", \.objectiveBefore), ("objective_after", \.objectiveAfter),
            ("gradient_norm2_before", \.gradientNorm2Before),
            ("gradient_norm2_after", \.gradientNorm2After), ("output_change", \.outputChange),
            ("condition", \.condition), ("input_condition", \.inputCondition),
            ("fit_residual", \.fitResidual), ("score_before", \.scoreBefore),
            ("score_after", \.scoreAfter), ("seconds", \.seconds),
            ("condition_before", \.conditionBefore), ("condition_after", \.conditionAfter),
        ]
    }

    init(from file: SafetensorsReader) throws {
        // Every file by names has this one.
        guard file.text(key("outcome")) != nil else {
            try self.init(byPosition: file)
            return
        }
        self.init()
        func number<Number: LosslessStringConvertible>(
            _ name: String, _ missing: Number
        ) throws(FileFailure) -> Number {
            guard file.text(key(name)) != nil else { return missing }
            return try file.number(key(name))
        }
        try setKinds(
            number("outcome", outcome.rawValue), number("group", group.rawValue),
            number("search", search.rawValue), layer: number("layer", -1),
            halvesShared: number("halves_shared", 0))
        for (name, field) in Self.counts {
            self[keyPath: field] = Int(try number(name, Int32(0)))
        }
        for (name, field) in Self.measures {
            self[keyPath: field] = try number(name, self[keyPath: field])
        }
    }

    private init(byPosition file: SafetensorsReader) throws {
        let (countCount, measureCount) = (5, 16)
        let numbers = try Buffer<Double>(count: 5 + countCount + measureCount)
        try file.read(byPosition, into: numbers.pointer, count: numbers.count)
        func integer(_ index: Int) throws(FileFailure) -> Int32 {
            guard let value = Int32(exactly: numbers.pointer[index]) else {
                throw FileFailure(
                    .format,
                    "element \(index) of tensor '\(byPosition)' is \(numbers.pointer[index])")
            }
            return value
        }
        self.init()
        try setKinds(
            integer(0), integer(1), integer(2), layer: integer(3), halvesShared: integer(4))
        for (index, (_, field)) in Self.counts.prefix(countCount).enumerated() {
            self[keyPath: field] = Int(try integer(5 + index))
        }
        for (index, (_, field)) in Self.measures.prefix(measureCount).enumerated() {
            self[keyPath: field] = numbers.pointer[5 + countCount + index]
        }
    }

    /// Enums by their numbers in the header.
    private mutating func setKinds(
        _ outcome: Int32, _ group: Int32, _ search: Int32, layer: Int32, halvesShared: Int32
    ) throws(FileFailure) {
        guard let outcome = TeleportOutcome(rawValue: outcome), let group = Group(rawValue: group),
            let search = Search(rawValue: search)
        else {
            throw FileFailure(.format, "its last teleport is of an unknown kind")
        }
        (self.outcome, self.group, self.search) = (outcome, group, search)
        self.layer = layer >= 0 ? Int(layer) : nil
        self.halvesShared = halvesShared != 0
    }
}
