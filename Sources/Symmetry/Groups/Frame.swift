import Networks
import Optimization
import Runtime

/// The coordinates that a trainer steps in: no weight moves, so there is nothing here to search
/// for. The trainer, which has the frames, carries it out.
struct FrameSymmetry: SymmetryGroup {
    let name = "frame"
    let dependsOnData = false
    let radius = 1.0

    func require(_ graph: Graph, _ optimizer: Optimizer?) throws {
        guard optimizer != nil else { throw ofATrainer }
    }

    func moves(_ task: SearchTask, layers: [Int]) throws -> any DirectedGroup {
        throw ofATrainer
    }

    private var ofATrainer: TeleportError {
        TeleportError(
            .unsupported,
            "a frame belongs to a trainer, not to its model: use tp_trainer_teleport or tp_trainer_set_frames"
        )
    }
}
