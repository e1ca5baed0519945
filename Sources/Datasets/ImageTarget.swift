import Runtime

/// What an image is turned into: the same for all images of a data set.
struct ImageTarget {
    let shape: SampleShape

    /// nil: an image of another size is refused.
    let resampling: Resampling?
    let background: SIMD4<Int>
}
