/// Which symmetry moves the weights; raw values are those of `tp_group`.
public enum Group: Int32, Sendable {
    case scaling = 0
    case linear = 1
    case nullSpace = 2
    case levelSet = 3
    /// Of a trainer's coordinates, not of its model.
    case frame = 4
}

/// How the element is found; raw values are those of `tp_search`.
public enum Search: Int32, Sendable {
    case lookahead = 0
    case ascent = 1
    case random = 2
}

/// What the element is chosen for; raw values are those of `tp_objective`.
public enum Objective: Int32, Sendable {
    case gradientNormMaximize = 0
    case gradientNormMinimize = 1
    case sharpnessMaximize = 2
    case sharpnessMinimize = 3
    case curvatureMaximize = 4
    case curvatureMinimize = 5
    case lookahead = 6
    case pathConditioning = 7
    case equalNorms = 8

    var isMaximized: Bool {
        switch self {
        case .gradientNormMaximize, .sharpnessMaximize, .curvatureMaximize: return true
        case .gradientNormMinimize, .sharpnessMinimize, .curvatureMinimize, .lookahead,
            .pathConditioning, .equalNorms:
            return false
        }
    }

    /// A gain times this is positive where it is an improvement.
    var sign: Double { isMaximized ? 1 : -1 }

    /// Whether a finite `value` is better than `other`; where that is not a number, any is.
    func isBetter(_ value: Double, than other: Double) -> Bool {
        value.isFinite && !(sign * (value - other) <= 0)
    }

    var isGradientNorm: Bool { self == .gradientNormMaximize || self == .gradientNormMinimize }
    var isCurvature: Bool { self == .curvatureMaximize || self == .curvatureMinimize }
    /// Of the weights alone, and known at every element of the scaling group.
    var isOfWeights: Bool { self == .pathConditioning || self == .equalNorms }
}

/// What becomes of the optimizer's state; raw values are those of `tp_state_policy`.
public enum StatePolicy: Int32, Sendable {
    case keep = 0
    case reset = 1
    case transform = 2
}

/// How random elements of the general linear group are drawn; raw values are those of `tp_sampler`.
public enum Sampler: Int32, Sendable {
    case exponential = 0
    case diagonallyDominant = 1
}
