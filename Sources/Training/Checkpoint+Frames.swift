import Files
import Networks
import Optimization
import Runtime

// Frames, averages of weights and the watch in a checkpoint: texts with a prefix for each snapshot,
// tensors likewise.

// Writing.
extension Trainer {
    /// The states that training may be taken back to.
    var snapshots: [(name: String, snapshot: Snapshot)] {
        var found: [(String, Snapshot)] = []
        if let beforeTeleport { found.append(("undo", beforeTeleport)) }
        if let frameWatch { found.append(("watched", frameWatch.snapshot)) }
        return found
    }

    var frameProgress: [(String, String)] {
        var texts: [(String, String)] = []
        if let frameWatch {
            texts += [
                ("watch_first", frameWatch.first.description),
                ("watch_best", frameWatch.best.description),
                ("watch_sum", frameWatch.sum.description),
                ("watch_count", frameWatch.count.description),
                ("watch_data", Int64(bitPattern: frameWatch.data).description),
            ]
        }
        if let seen {
            texts += [
                ("seen_capacity", seen.capacity.description),
                ("seen_count", seen.count.description),
                ("seen_next", seen.next.description),
            ]
        }
        return texts
    }
}

extension SafetensorsWriter {
    func texts(of state: OptimizerState, named prefix: String) throws {
        guard state.average != nil else { return }
        try text(CheckpointFile.key(prefix + "averaged_steps"), state.averagedSteps.description)
        try text(CheckpointFile.key(prefix + "rate_sum"), state.rateSum.description)
    }

    func texts(
        of frames: Frames?, age: Int, scale: Double, refreshed: Int, named prefix: String
    ) throws {
        guard let options = frames?.options else { return }
        for (name, value) in [
            ("kind", options.kind.rawValue.description),
            ("input", options.input.rawValue.description),
            ("every", options.every.description),
            ("early_every", options.earlyEvery.description),
            ("early_steps", options.earlySteps.description),
            ("samples", options.samples.description),
            ("damping", options.damping.description),
            ("warmup_steps", options.warmupSteps.description),
            ("outputs", options.outputs ? "1" : "0"),
            ("rank", options.rank.description),
            ("input_rank", options.inputRank.description),
            ("age", age.description),
            ("scale", scale.description),
            ("refreshed", (refreshed + 1).description),
        ] {
            try text(CheckpointFile.key(prefix + "frame_" + name), value)
        }
    }

    func tensor(of numbers: Buffer<Float>?, named prefix: String) throws {
        guard let numbers else { return }
        try tensor(
            prefix + CheckpointFile.frames, [numbers.count], of: numbers.pointer,
            count: numbers.count)
    }

    func tensor(of seen: SeenSamples?) throws {
        guard let seen else { return }
        try tensor(
            CheckpointFile.seen, [seen.capacity, seen.width], of: seen.x.pointer,
            count: seen.x.count)
    }
}

// Reading.
extension Trainer {
    func restoreFrames(from file: SafetensorsReader) throws {
        try file.readAverage(of: optimizer.state, named: "")
        if let read = try file.frames(of: self, named: "", tensors: CheckpointFile.current) {
            try use(read.frames)
            read.frames.restore(read.frames.numbers, age: read.age, scale: read.scale)
            read.frames.refreshedAge = try file.count("frame_refreshed") - 1
        }
        if let snapshot = try snapshot("watched", from: file) {
            let data: Int = try file.number(CheckpointFile.key("watch_data"))
            var watch = FrameWatch(
                snapshot: snapshot, data: UInt64(bitPattern: Int64(data)))
            watch.first = try file.number(CheckpointFile.key("watch_first"))
            watch.best = try file.number(CheckpointFile.key("watch_best"))
            watch.sum = try file.number(CheckpointFile.key("watch_sum"))
            watch.count = try file.count("watch_count")
            frameWatch = watch
            endWatch()
        }
        guard file.text(CheckpointFile.key("seen_capacity")) != nil else { return }
        let capacity = try file.count("seen_capacity")
        guard (1...65_536).contains(capacity) else {
            throw FileFailure(.format, "seen_capacity is \(capacity)")
        }
        let seen = try SeenSamples(width: model.graph.inputWidth, capacity: capacity)
        try file.read(CheckpointFile.seen, into: seen.x.pointer, count: seen.x.count)
        seen.count = try file.count("seen_count")
        seen.next = try file.count("seen_next")
        guard seen.count <= capacity, seen.next < capacity else {
            throw FileFailure(.format, "seen_count is \(seen.count), seen_next \(seen.next)")
        }
        self.seen = seen
    }

    func snapshot(_ name: String, from file: SafetensorsReader) throws -> Snapshot? {
        guard file.text(CheckpointFile.key(name + "_optimizer_steps")) != nil else { return nil }
        let prefix = CheckpointFile.current + name + "."
        let snapshot = try Snapshot(self)
        snapshot.optimizer.state.steps = try file.count(name + "_optimizer_steps")
        try file.readAverage(of: snapshot.optimizer.state, named: name + "_")
        try file.read(
            prefix + CheckpointFile.parameters, into: snapshot.weights.parameters.pointer,
            count: snapshot.weights.parameters.count)
        let statistics = snapshot.weights.statistics
        if statistics.count > 0 {
            try file.read(
                prefix + CheckpointFile.statistics, into: statistics.pointer,
                count: statistics.count)
        }
        guard snapshot.weights.areFinite else {
            throw FileFailure(.notFinite, "the weights before its last teleport are not finite")
        }
        try file.read(snapshot.optimizer.state, named: prefix)
        let read = try file.frames(of: self, named: name + "_", tensors: prefix)
        if let read {
            read.frames.restore(read.frames.numbers, age: read.age, scale: read.scale)
            try snapshot.takeFrames(read.frames)
            // The same options: the same frames at another time.
            if let frames, frames.options == read.frames.options { snapshot.share(frames) }
        } else {
            try snapshot.takeFrames(nil)
        }
        return snapshot
    }
}

extension SafetensorsReader {
    fileprivate func readAverage(
        of state: OptimizerState, named prefix: String
    ) throws(FileFailure) {
        guard state.average != nil else { return }
        state.averagedSteps = try count(prefix + "averaged_steps")
        state.rateSum = try number(CheckpointFile.key(prefix + "rate_sum"))
        guard state.rateSum.isFinite, state.rateSum >= 0 else {
            throw FileFailure(.format, "rate_sum is \(state.rateSum)")
        }
    }

    fileprivate func frames(
        of trainer: Trainer, named prefix: String, tensors: String
    ) throws -> (frames: Frames, age: Int, scale: Double)? {
        func key(_ name: String) -> String { CheckpointFile.key(prefix + "frame_" + name) }
        guard text(key("kind")) != nil else { return nil }
        var options = FrameConfig()
        let (kind, input): (Int, Int) = (try number(key("kind")), try number(key("input")))
        guard let knownKind = Int32(exactly: kind).flatMap({ FrameKind(rawValue: $0) }),
            let knownInput = Int32(exactly: input).flatMap({ FrameInput(rawValue: $0) })
        else { throw FileFailure(.format, "its frames are of an unknown kind") }
        (options.kind, options.input) = (knownKind, knownInput)
        options.every = try number(key("every"))
        options.earlyEvery = try number(key("early_every"))
        options.earlySteps = try number(key("early_steps"))
        options.samples = try number(key("samples"))
        options.damping = try number(key("damping"))
        options.warmupSteps = try number(key("warmup_steps"))
        // Files of versions before frames of outputs have none of these.
        if text(key("outputs")) != nil {
            let outputs: Int = try number(key("outputs"))
            options.outputs = outputs != 0
        }
        options.rank = try number(key("rank"))
        options.inputRank = try number(key("input_rank"))
        let frames = try trainer.makeFrames(options)
        try read(
            tensors + CheckpointFile.frames, into: frames.numbers.pointer,
            count: frames.numbers.count)
        guard allFinite(frames.numbers.pointer, count: frames.numbers.count) else {
            throw FileFailure(.notFinite, "its frames are not finite")
        }
        let scale: Double = try number(key("scale"))
        guard scale > 0, scale <= 1 else { throw FileFailure(.format, "frame_scale is \(scale)") }
        return (frames, try count(prefix + "frame_age"), scale)
    }
}
