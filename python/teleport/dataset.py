"""Data sets and single images."""

from __future__ import annotations

import ctypes
import os
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ClassVar,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypedDict,
    Union,
)

import numpy as np
import numpy.typing as npt

from ._abi import tp_image_config, tp_progress_callback
from ._arrays import FloatArray, IntArray, address, float_array, int_array, matrix, result, targets_of
from ._handle import Handle
from ._interrupt import Interruptible, StopFlag, interruptible
from ._library import check, initialized, lib
from ._values import Path, expect, int32, int64, path_bytes, uint64
from .augment import AugmentConfig, native_augment
from .enums import BadImage, BadImageName, Keep, KeepName, Resampling, ResamplingName
from .errors import InvalidArgumentError, ShapeMismatchError, Status, StoppedError

if TYPE_CHECKING:
    from typing_extensions import Unpack

Progress = Callable[[int, int], Optional[bool]]


class ImageConfig(TypedDict, total=False):
    """How images are read, as keyword arguments. Every one may be left out; teleport.h has the details.

    channels             1 grey, 3 RGB, 4 RGBA; 0 (default): as the first image has
    size                 (height, width) to resample to; default: as the first image, others are bad
    resampling           "bilinear" (default) or "area"
    bad_image            "fail" (default) or "skip"
    allow_empty_classes  keep a class without images; default False
    flat                 the folder holds images without classes, for prediction; default False
    background           (R, G, B), 0 to 255, under transparent pixels when alpha is dropped; black
    mean, std            of (pixel / 255 - mean) / std: one number, or one a channel; 0 and 1
    class_names          fixes the classes and their order, as `train.class_names` for `test/`
    max_width, max_height, max_pixels, max_chunk_bytes
                         what is larger is a bad image, before memory is taken
    nested_classes       a class may hold folders alone; default False: the folder is then likely one of
                         train/ and test/, and refused
    keep                 "pixels" (default), or "paths": an image is read whenever it is drawn
    keep_bytes           with "paths": memory for decoded images; default 2**28
    normalize            mean and std are those of the images read, as `normalized` gives them
    """

    channels: int
    size: Tuple[int, int]
    resampling: Union[ResamplingName, Resampling]
    bad_image: Union[BadImageName, BadImage]
    allow_empty_classes: bool
    flat: bool
    background: Tuple[int, int, int]
    mean: Union[float, Sequence[float]]
    std: Union[float, Sequence[float]]
    class_names: Sequence[str]
    max_width: int
    max_height: int
    max_pixels: int
    max_chunk_bytes: int
    nested_classes: bool
    keep: Union[KeepName, Keep]
    keep_bytes: int
    normalize: bool


class SkippedFile(NamedTuple):
    """A file left out with bad_image="skip"."""

    path: str
    reason: str


class Dataset(Handle):
    """Samples owned by the library, read-only once made, so one set may serve many threads.

    Images stay uint8 in memory, or in their files, and become float, (pixel / 255 - mean[c]) / std[c], when they are drawn.
    Make one with a `from_...` method; those that read images take `ImageConfig` as keyword arguments.
    """

    __slots__ = ()
    _free: ClassVar[Any] = lib.tp_dataset_free

    def __init__(self) -> None:
        raise TypeError("a Dataset is made with one of its from_... methods")

    @classmethod
    def from_arrays(cls, x: npt.ArrayLike, y: npt.ArrayLike) -> Dataset:
        """`from_labels` when y holds integers, `from_targets` when it holds floats."""
        kind = np.asarray(y).dtype.kind
        return cls.from_targets(x, y) if kind == "f" else cls.from_labels(x, y)

    @classmethod
    def from_labels(
        cls, x: npt.ArrayLike, labels: npt.ArrayLike, *, class_count: int = 0
    ) -> Dataset:
        """Copies x (count x width) and labels (count, integers from 0). class_count 0: largest label + 1."""
        rows = matrix(x, "x")
        classes = int_array(labels, "labels")
        if classes.shape != rows.shape[:1]:
            raise ShapeMismatchError(
                f"labels have shape {classes.shape}, but x has {rows.shape[0]} samples"
            )
        count, width = rows.shape
        out = ctypes.c_void_p()
        check(
            lib.tp_dataset_from_labels(
                out,
                address(rows),
                width,
                address(classes),
                count,
                int32(class_count, "class_count"),
            )
        )
        return cls._adopt(out)

    @classmethod
    def from_targets(cls, x: npt.ArrayLike, targets: npt.ArrayLike) -> Dataset:
        """Copies x (count x width) and targets (count x target width, or count)."""
        rows = matrix(x, "x")
        count, width = rows.shape
        values = targets_of(targets, count)
        out = ctypes.c_void_p()
        check(
            lib.tp_dataset_from_targets(
                out, address(rows), width, address(values), values.shape[1], count
            )
        )
        return cls._adopt(out)

    @classmethod
    def from_pixels(
        cls,
        pixels: npt.NDArray[np.uint8],
        labels: Optional[npt.ArrayLike] = None,
        **options: Unpack[ImageConfig],
    ) -> Dataset:
        """Copies images: uint8, count x channels x height x width. Uses mean, std and class_names."""
        images = np.asarray(pixels)
        if images.dtype != np.uint8 or images.ndim != 4:
            raise InvalidArgumentError(
                f"pixels are {images.dtype} with {images.ndim} axes, but must be uint8 with 4: "
                "count x channels x height x width"
            )
        images = np.ascontiguousarray(images)
        count = images.shape[0]
        shape = (ctypes.c_int32 * 3)(*(int32(n, "an axis of pixels") for n in images.shape[1:]))
        classes = None if labels is None else int_array(labels, "labels")
        if classes is not None and classes.shape != (count,):
            raise ShapeMismatchError(
                f"labels have shape {classes.shape}, but pixels have {count} samples"
            )
        out = ctypes.c_void_p()
        check(
            lib.tp_dataset_from_pixels(
                out,
                address(images),
                ctypes.addressof(shape),
                None if classes is None else address(classes),
                count,
                image_config(**options),
            )
        )
        return cls._adopt(out)

    @classmethod
    def from_image_folder(
        cls,
        path: Path,
        *,
        progress: Optional[Progress] = None,
        **options: Unpack[ImageConfig],
    ) -> Dataset:
        """Reads a folder of PNG images: one sub-directory a class, sorted by bytes.

        `progress(done, total)` runs now and then; when it returns True the call ends with StoppedError.
        """
        config = image_config(**options)
        return cls._read(
            lambda out, callback: lib.tp_dataset_from_image_folder(
                out, path_bytes(path), config, callback, None
            ),
            progress,
        )

    @classmethod
    def from_image_files(
        cls,
        paths: Sequence[Path],
        *,
        progress: Optional[Progress] = None,
        **options: Unpack[ImageConfig],
    ) -> Dataset:
        """Reads the image files named, in this order, without labels."""
        if isinstance(paths, (str, bytes, os.PathLike)):
            raise InvalidArgumentError("paths must be a sequence of paths, not one path")
        config = image_config(**options)
        names = (ctypes.c_char_p * len(paths))(*map(path_bytes, paths))
        return cls._read(
            lambda out, callback: lib.tp_dataset_from_image_files(
                out, names, len(names), config, callback, None
            ),
            progress,
        )

    @classmethod
    def from_idx(
        cls,
        images_path: Path,
        labels_path: Optional[Path] = None,
        **options: Unpack[ImageConfig],
    ) -> Dataset:
        """Reads MNIST's own format, plain or gzip. Uses mean, std and class_names."""
        out = ctypes.c_void_p()
        labels = None if labels_path is None else path_bytes(labels_path)
        check(
            lib.tp_dataset_from_idx(out, path_bytes(images_path), labels, image_config(**options))
        )
        return cls._adopt(out)

    @classmethod
    def _read(cls, call: Callable[[Any, Any], int], progress: Optional[Progress]) -> Dataset:
        with Interruptible(StopFlag()) as guard:

            def on_progress(done: int, total: int, user_data: Any) -> int:
                # Without a host's function too: signal handlers run here.
                try:
                    if progress is not None and progress(done, total):
                        return 1
                except BaseException as error:
                    guard.keep(error)
                return int(guard.stopping)

            out = ctypes.c_void_p()
            status = call(out, tp_progress_callback(on_progress))
            dataset = cls._adopt(out)  # here, so that a late Ctrl-C frees it
        check(status)
        if status == Status.STOPPED:
            raise StoppedError("the progress callback stopped the reading of images")
        return dataset

    def split(
        self, fraction: float, *, stratified: bool = False, seed: int = 0
    ) -> Tuple[Dataset, Dataset]:
        """Two sets in the order of this one; the second gets round(fraction * len(self)) samples.

        No sample is copied. `stratified` takes the fraction of every class.
        """
        first, second = ctypes.c_void_p(), ctypes.c_void_p()
        check(
            lib.tp_dataset_split(
                first, second, self._pointer, fraction, int(stratified), uint64(seed, "seed")
            )
        )
        return self._adopt(first), self._adopt(second)

    def with_weights(self, weights: Optional[npt.ArrayLike]) -> Dataset:
        """The same samples, shared, with a weight each (count); None: without.

        Runs and their teleports weigh the samples by them, `Model.evaluate` its loss; splits keep them.
        """
        values = None if weights is None else float_array(weights, "weights")
        if values is not None and values.shape != (len(self),):
            raise ShapeMismatchError(
                f"weights have shape {values.shape}, but the set has {len(self)} samples"
            )
        out = ctypes.c_void_p()
        check(
            lib.tp_dataset_with_weights(
                out,
                self._pointer,
                None if values is None else address(values),
                0 if values is None else values.size,
            )
        )
        return self._adopt(out)

    def subset(self, indices: npt.ArrayLike) -> Dataset:
        """The samples at `indices`, in this order; one may come again. No sample is copied."""
        places = _indices(indices)
        out = ctypes.c_void_p()
        check(lib.tp_dataset_subset(out, self._pointer, address(places), places.size))
        return self._adopt(out)

    def shuffled(self, count: int = 0, *, seed: int = 0) -> Dataset:
        """`count` samples drawn without putting back, in random order; 0: all. No sample is copied."""
        out = ctypes.c_void_p()
        check(
            lib.tp_dataset_shuffled(
                out, self._pointer, int64(count, "count"), uint64(seed, "seed")
            )
        )
        return self._adopt(out)

    def normalized(self, reference: Optional[Dataset] = None) -> Dataset:
        """The same images with mean 0 and deviation 1 over `reference`, by channel; None: over these.

        The training set is the reference of itself and of what it is measured on.
        """
        if reference is not None:
            data_set(reference, "reference")
        out = ctypes.c_void_p()
        other = None if reference is None else reference._pointer
        interruptible(None, lib.tp_dataset_normalized, out, self._pointer, other)
        return self._adopt(out)

    def channel_statistics(self) -> Tuple[List[float], List[float]]:
        """Mean and standard deviation of pixel / 255 by channel, over all pixels of all samples."""
        channels = self.sample_shape[0]
        mean, std = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
        interruptible(
            None,
            lib.tp_dataset_channel_statistics,
            self._pointer,
            address(mean),
            address(std),
            channels,
        )
        return mean.tolist(), std.tolist()

    @property
    def normalization(self) -> Tuple[List[float], List[float]]:
        """The mean and std that the floats are made with, given or measured: `mean=` and `std=` of another set."""
        channels = self.sample_shape[0]
        mean, std = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
        check(lib.tp_dataset_normalization(self._pointer, address(mean), address(std), channels))
        return mean.tolist(), std.tolist()

    def summary(self) -> str:
        """What the set holds, a line each: samples, mean and std, classes in label order with counts."""
        length = ctypes.c_size_t()
        check(lib.tp_dataset_summary(self._pointer, None, 0, length))
        buffer = ctypes.create_string_buffer(length.value + 1)
        check(lib.tp_dataset_summary(self._pointer, buffer, len(buffer), length))
        return buffer.value.decode("utf-8")

    def __len__(self) -> int:
        return int(lib.tp_dataset_count(self._pointer))

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        if self.closed:
            return "<Dataset, closed>"
        shape = " x ".join(map(str, self.sample_shape))
        return f"<Dataset of {len(self)} samples {shape}, {self.class_count} classes>"

    @property
    def sample_shape(self) -> Tuple[int, int, int]:
        """(channels, height, width); (1, 1, width) for arrays of numbers."""
        shape = [ctypes.c_int32() for _ in range(3)]
        check(lib.tp_dataset_sample_shape(self._pointer, *shape))
        channels, height, width = (number.value for number in shape)
        return channels, height, width

    @property
    def width(self) -> int:
        """Values a sample: the first width of a model for it."""
        channels, height, width = self.sample_shape
        return channels * height * width

    @property
    def class_count(self) -> int:
        """0 without labels."""
        return int(lib.tp_dataset_class_count(self._pointer))

    @property
    def target_width(self) -> int:
        """Values a target has; 0 when the set has labels or nothing."""
        return int(lib.tp_dataset_target_width(self._pointer))

    @property
    def class_names(self) -> List[str]:
        """Empty when the classes have no names."""
        names = (
            lib.tp_dataset_class_name(self._pointer, index) for index in range(self.class_count)
        )
        return [os.fsdecode(name) for name in names if name is not None]

    @property
    def class_counts(self) -> List[int]:
        """Samples of each class, in the order of the labels."""
        counts = np.zeros(self.class_count, np.int64)
        check(lib.tp_dataset_class_counts(self._pointer, address(counts), counts.size))
        return [int(count) for count in counts]

    @property
    def paths(self) -> List[Optional[str]]:
        """The file that each sample was read from; None for samples that were not."""
        names = (lib.tp_dataset_sample_path(self._pointer, index) for index in range(len(self)))
        return [None if name is None else os.fsdecode(name) for name in names]

    @property
    def skipped(self) -> List[SkippedFile]:
        """Files left out with bad_image="skip", each with its reason."""
        files = []
        path, reason = ctypes.c_char_p(), ctypes.c_char_p()
        for index in range(lib.tp_dataset_skipped_count(self._pointer)):
            check(lib.tp_dataset_skipped(self._pointer, index, path, reason))
            files.append(
                SkippedFile(
                    os.fsdecode(path.value or b""), (reason.value or b"").decode("utf-8", "replace")
                )
            )
        return files

    def get(
        self, first: int = 0, count: Optional[int] = None, *, out: Optional[FloatArray] = None
    ) -> FloatArray:
        """Samples first .. first + count - 1 as float32, count x width; by default all from `first`."""
        count = self._count(first, count)
        x = result(out, (max(count, 0), self.width), np.float32)
        interruptible(
            None,
            lib.tp_dataset_get,
            self._pointer,
            int64(first, "first"),
            int64(count, "count"),
            address(x),
            x.size,
            None,
            0,
        )
        return x

    def labels(self, first: int = 0, count: Optional[int] = None) -> IntArray:
        """Labels of the same samples: int32, count."""
        count = self._count(first, count)
        labels: IntArray = np.empty(max(count, 0), np.int32)
        check(
            lib.tp_dataset_get(
                self._pointer,
                int64(first, "first"),
                int64(count, "count"),
                None,
                0,
                address(labels),
                labels.size,
            )
        )
        return labels

    def targets(self, first: int = 0, count: Optional[int] = None) -> FloatArray:
        """Targets of the same samples: float32, count x target width."""
        count = self._count(first, count)
        targets: FloatArray = np.empty((max(count, 0), self.target_width), np.float32)
        check(
            lib.tp_dataset_get_targets(
                self._pointer,
                int64(first, "first"),
                int64(count, "count"),
                address(targets),
                targets.size,
            )
        )
        return targets

    def weights(self, first: int = 0, count: Optional[int] = None) -> FloatArray:
        """Weights of the same samples: float32, count; ones where the set has none."""
        count = self._count(first, count)
        weights: FloatArray = np.empty(max(count, 0), np.float32)
        check(
            lib.tp_dataset_get_weights(
                self._pointer,
                int64(first, "first"),
                int64(count, "count"),
                address(weights),
                weights.size,
            )
        )
        return weights

    def gather(
        self,
        indices: npt.ArrayLike,
        *,
        augment: Optional[AugmentConfig] = None,
        seed: int = 0,
        epoch: int = 0,
        out: Optional[FloatArray] = None,
    ) -> FloatArray:
        """The samples at `indices` as float32, count x width; `augment` changes their images."""
        places = _indices(indices)
        x = result(out, (places.size, self.width), np.float32)
        interruptible(
            None,
            lib.tp_dataset_gather,
            self._pointer,
            address(places),
            places.size,
            None if augment is None else native_augment(augment, seed, epoch),
            address(x),
            x.size,
            None,
            0,
        )
        return x

    def gather_labels(self, indices: npt.ArrayLike) -> IntArray:
        """Labels of the samples at `indices`: int32, count."""
        places = _indices(indices)
        labels: IntArray = np.empty(places.size, np.int32)
        check(
            lib.tp_dataset_gather(
                self._pointer,
                address(places),
                places.size,
                None,
                None,
                0,
                address(labels),
                labels.size,
            )
        )
        return labels

    def gather_targets(self, indices: npt.ArrayLike) -> FloatArray:
        """Targets of the samples at `indices`: float32, count x target width."""
        places = _indices(indices)
        targets: FloatArray = np.empty((places.size, self.target_width), np.float32)
        check(
            lib.tp_dataset_gather_targets(
                self._pointer, address(places), places.size, address(targets), targets.size
            )
        )
        return targets

    def _count(self, first: int, count: Optional[int]) -> int:
        """`count`, or all from `first`. Checked before memory is taken for that many samples."""
        there = len(self)
        wanted = there - first if count is None else count
        if not 0 <= first <= there or not 0 <= wanted <= there - first:
            raise InvalidArgumentError(
                f"samples {first} to {first + wanted - 1} are asked for, but the set has {there}"
            )
        return wanted


def load_image(path: Path, **options: Unpack[ImageConfig]) -> npt.NDArray[np.uint8]:
    """Decodes one PNG file: uint8, channels x height x width."""
    name = path_bytes(path)
    config = image_config(**options)
    shape = (ctypes.c_int32 * 3)()
    check(lib.tp_image_load(name, config, None, 0, shape))
    pixels: npt.NDArray[np.uint8] = np.empty(tuple(shape), np.uint8)
    check(lib.tp_image_load(name, config, address(pixels), pixels.size, shape))
    return pixels


def _indices(indices: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Whole numbers, as the library takes them."""
    array = np.asarray(indices)
    if array.ndim != 1 or (array.size > 0 and array.dtype.kind not in "iu"):
        raise InvalidArgumentError(
            f"indices are {array.dtype} with {array.ndim} axes, but must be integers with 1"
        )
    return np.ascontiguousarray(array, np.int64)


def _per_channel(values: Union[float, Sequence[float]], name: str, rest: float) -> List[float]:
    """Four numbers: one stands for all, a sequence is filled up with the default."""
    if not isinstance(values, Sequence) and np.ndim(values) == 0:
        return [float(values)] * 4
    numbers = [float(value) for value in values]  # type: ignore[union-attr]
    if not 1 <= len(numbers) <= 4:
        raise InvalidArgumentError(
            f"{name} has {len(numbers)} numbers, but an image 1 to 4 channels"
        )
    return numbers + [rest] * (4 - len(numbers))


def _height_and_width(size: Any) -> Tuple[int, int]:
    if isinstance(size, (int, np.integer)):
        raise InvalidArgumentError(
            f"size is {size}, but must be (height, width): write size=({size}, {size})"
        )
    if isinstance(size, (str, bytes)) or len(size) != 2:
        raise InvalidArgumentError(f"size is {size!r}, but must be (height, width)")
    return size[0], size[1]


def data_set(value: Any, name: str) -> None:
    """Refuses arrays where a Dataset is needed."""
    expect(value, Dataset, name, "Dataset.from_arrays(x, y)")


def image_config(
    *,
    channels: Optional[int] = None,
    size: Optional[Tuple[int, int]] = None,
    resampling: Union[ResamplingName, Resampling] = Resampling.BILINEAR,
    bad_image: Union[BadImageName, BadImage] = BadImage.FAIL,
    allow_empty_classes: bool = False,
    flat: bool = False,
    background: Optional[Tuple[int, int, int]] = None,
    mean: Optional[Union[float, Sequence[float]]] = None,
    std: Optional[Union[float, Sequence[float]]] = None,
    class_names: Optional[Sequence[str]] = None,
    max_width: Optional[int] = None,
    max_height: Optional[int] = None,
    max_pixels: Optional[int] = None,
    max_chunk_bytes: Optional[int] = None,
    nested_classes: bool = False,
    keep: Union[KeepName, Keep] = Keep.PIXELS,
    keep_bytes: Optional[int] = None,
    normalize: bool = False,
) -> tp_image_config:
    """The struct for ImageConfig; what is None keeps the library's default."""
    struct: tp_image_config = initialized(tp_image_config())
    struct.resampling = Resampling.of(resampling).code
    struct.bad_image = BadImage.of(bad_image).code
    struct.allow_empty_classes = int(allow_empty_classes)
    struct.flat = int(flat)
    struct.nested_classes = int(nested_classes)
    struct.keep = Keep.of(keep).code
    struct.normalize = int(normalize)
    if channels is not None:
        struct.channels = int32(channels, "channels")
    if size is not None:
        height, width = _height_and_width(size)
        struct.height = int32(height, "height")
        struct.width = int32(width, "width")
    if background is not None:
        red, green, blue = (int32(value, "background") for value in background)
        struct.background = (ctypes.c_int32 * 3)(red, green, blue)
    if mean is not None:
        struct.mean = (ctypes.c_float * 4)(*_per_channel(mean, "mean", 0.0))
    if std is not None:
        struct.std = (ctypes.c_float * 4)(*_per_channel(std, "std", 1.0))
    if class_names is not None:
        if isinstance(class_names, (str, bytes)):
            raise InvalidArgumentError("class_names must be a sequence of names, not one string")
        # ctypes keeps the array alive with the struct, and the array its strings.
        struct.class_names = (ctypes.c_char_p * len(class_names))(*map(path_bytes, class_names))
        struct.class_count = len(class_names)
    if max_width is not None:
        struct.max_width = int32(max_width, "max_width")
    if max_height is not None:
        struct.max_height = int32(max_height, "max_height")
    if max_pixels is not None:
        struct.max_pixels = int64(max_pixels, "max_pixels")
    if max_chunk_bytes is not None:
        struct.max_chunk_bytes = int64(max_chunk_bytes, "max_chunk_bytes")
    if keep_bytes is not None:
        struct.keep_bytes = int64(keep_bytes, "keep_bytes")
    return struct
