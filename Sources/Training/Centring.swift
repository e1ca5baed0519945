import Networks
import Optimization
import Runtime
import Symmetry

/// Whether a run without frames subtracts the mean of its inputs; raw values are those of
/// `tp_centring`.
public enum Centring: Int32, Sendable {
    /// ON for DOG, which has no rate that was chosen without; else as the trainer is.
    case standard = 0
    case on = 1
    case off = 2
}

extension FrameConfig {
    /// The frame of a centred run: one mean, before the first step. It stays, so that no step is
    /// taken less freely for it, and costs nothing after that.
    static var centring: FrameConfig {
        var options = FrameConfig()
        (options.kind, options.samples) = (.centre, 1_024)
        (options.every, options.earlySteps, options.warmupSteps) = (1 << 40, 0, 0)
        return options
    }
}

extension RunConfig {
    func validateCentring() throws {
        guard centring != .standard else { return }
        guard frames == nil else {
            throw TeleportError.invalid(
                "centring is \(centring == .on ? "ON" : "OFF") and frames are set, whose input says it"
            )
        }
        guard centring == .off || teleport == nil || teleport?.group == .frame else {
            throw TeleportError(
                .unsupported,
                "centring is ON and teleport is set, whose group moves what the steps do not follow"
            )
        }
    }
}

extension Trainer {
    /// The frames of a run, or its centring where it has none.
    func setFrames(for run: RunConfig) throws {
        if let frames = run.frames { return try changeFrames(frames) }
        switch run.centring {
        case .on:
            if frames == nil { try changeFrames(.centring) }
        case .off:
            if frames?.options == .centring { try changeFrames(nil) }
        case .standard:
            guard options.kind == .dog, frames == nil,
                run.teleport == nil || run.teleport?.group == .frame,
                Frames.arePossible(model.graph, .centring)
            else { return }
            try changeFrames(.centring)
        }
    }
}
