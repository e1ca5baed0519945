/// How an image is brought to another size; raw values of `tp_resampling`.
public enum Resampling: Int32, CaseIterable, Sendable {
    case bilinear = 0
    case area = 1
}
