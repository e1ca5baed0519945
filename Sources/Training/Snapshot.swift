import Networks
import Optimization
import Runtime

/// Weights, optimizer state and frames of a trainer at one moment, in memory that is taken once.
final class Snapshot {
    let weights: Weights
    let optimizer: Optimizer
    /// The frames that were in force, and what was in them.
    private(set) var frames: Frames?
    private(set) var frameNumbers: Buffer<Float>?
    private(set) var frameAge = 0
    private(set) var frameScale = 1.0

    init(_ trainer: Trainer) throws {
        weights = try Weights(copying: trainer.model.weights)
        optimizer = try trainer.optimizer.copy()
        try takeFrames(trainer.frames)
    }

    /// Takes memory only when the trainer has come to other frames.
    func take(_ trainer: Trainer) throws {
        try takeFrames(trainer.frames)
        weights.copy(from: trainer.model.weights)
        optimizer.restore(from: trainer.optimizer)
    }

    func takeFrames(_ frames: Frames?) throws {
        if let frames {
            let numbers =
                frameNumbers?.count == frames.numbers.count
                ? frameNumbers : try Buffer(count: frames.numbers.count)
            numbers?.pointer.update(from: frames.numbers.pointer, count: frames.numbers.count)
            (frameNumbers, frameAge, frameScale) = (numbers, frames.age, frames.scale)
        }
        self.frames = frames
    }

    /// Is of these frames, which are of the same options, at another time.
    func share(_ frames: Frames) { self.frames = frames }

    /// Puts all of it back to the bit. On an error nothing has changed.
    func restore(_ trainer: Trainer) throws {
        if trainer.frames !== frames { try trainer.use(frames) }
        if let frames, let frameNumbers {
            frames.restore(frameNumbers, age: frameAge, scale: frameScale)
        }
        trainer.model.weights.copy(from: weights)
        trainer.optimizer.restore(from: optimizer)
    }
}
