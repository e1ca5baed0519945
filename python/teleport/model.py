"""Nets: of widths, of texts, of files."""

from __future__ import annotations

import ctypes
import dataclasses
from typing import (
    Any,
    ClassVar,
    Iterator,
    List,
    MutableMapping,
    NamedTuple,
    NoReturn,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np
import numpy.typing as npt

from ._abi import tp_metrics, tp_model_config
from ._arrays import (
    DoubleArray,
    FloatArray,
    IntArray,
    Samples,
    address,
    doubles,
    float_array,
    inputs,
    matrix,
    result,
    samples,
)
from ._handle import Handle
from ._interrupt import StopFlag, interruptible
from ._library import check, initialized, lib
from ._values import Path, int32, path_bytes, text_bytes, uint64
from .dataset import Dataset, data_set
from .enums import (
    Activation,
    ActivationName,
    Initialization,
    InitializationName,
    Loss,
    LossName,
    Output,
    OutputName,
)
from .errors import InvalidArgumentError, NotFoundError, ShapeMismatchError
from .teleports import NativeConfig, TeleportConfig, TeleportReport, new_report, report_of


class Layer(NamedTuple):
    """Weights (outputs x inputs) and bias (outputs, or None) of a layer."""

    weights: FloatArray
    bias: Optional[FloatArray]


@dataclasses.dataclass(frozen=True)
class Metrics:
    """Over a whole data set. For targets, accuracy is NaN and correct 0."""

    loss: float
    accuracy: float
    correct: int
    count: int


@dataclasses.dataclass(frozen=True)
class ClassMetrics:
    """What a confusion matrix says of each class; NaN where a class is never predicted (precision), never there
    (recall) or neither (f1). The macro numbers are means over the classes that have one; support counts samples."""

    confusion: npt.NDArray[np.int64]
    precision: DoubleArray
    recall: DoubleArray
    f1: DoubleArray

    @property
    def support(self) -> npt.NDArray[np.int64]:
        counts: npt.NDArray[np.int64] = self.confusion.sum(axis=1)
        return counts

    @property
    def macro_precision(self) -> float:
        return _mean(self.precision)

    @property
    def macro_recall(self) -> float:
        return _mean(self.recall)

    @property
    def macro_f1(self) -> float:
        return _mean(self.f1)


def _mean(values: DoubleArray) -> float:
    numbers = values[~np.isnan(values)]
    return float(numbers.mean()) if numbers.size else float("nan")


_LONGEST_KEY = 255  # bytes


class Metadata(MutableMapping[str, str]):
    """The strings kept with a model: `model.metadata["author"] = "..."`. A mapping, sorted by its keys' bytes."""

    __slots__ = ("_model",)

    def __init__(self, model: Model) -> None:
        self._model = model

    def __getitem__(self, key: str) -> str:
        name = text_bytes(key)
        length = ctypes.c_size_t()
        pointer = self._model._pointer
        try:
            check(lib.tp_model_get_metadata(pointer, name, None, 0, length))
        except NotFoundError:
            raise KeyError(key) from None
        buffer = ctypes.create_string_buffer(length.value + 1)
        check(lib.tp_model_get_metadata(pointer, name, buffer, len(buffer), length))
        return buffer.value.decode("utf-8")

    def __setitem__(self, key: str, value: str) -> None:
        check(lib.tp_model_set_metadata(self._model._pointer, text_bytes(key), text_bytes(value)))

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        check(lib.tp_model_set_metadata(self._model._pointer, text_bytes(key), None))

    def __len__(self) -> int:
        return int(lib.tp_model_metadata_count(self._model._pointer))

    def __iter__(self) -> Iterator[str]:
        return iter([self._key(index) for index in range(len(self))])

    def _key(self, index: int) -> str:
        buffer = ctypes.create_string_buffer(_LONGEST_KEY + 1)
        check(lib.tp_model_metadata_key(self._model._pointer, index, buffer, len(buffer), None))
        return buffer.value.decode("utf-8")


class Model(Handle):
    """A net: of widths or of a text.

    Widths run from inputs to outputs: [784, 64, 64, 10] is a multi-layer perceptron of three layers, h_0 = x,
    z_m = W_m h_(m-1) + b_m, h_m = f(z_m), none after the last. A text describes a net of any shape, a layer a
    line, as the header has it under tp_model_create; it says its own activations and biases, and `architecture`
    writes some to start from. The same seed gives the same weights on every machine.

    Methods that only read the model may run on many threads at once; they let other threads run meanwhile.
    While a trainer works on a model, predict on a `clone()`.
    """

    __slots__ = ("_widths",)
    _free: ClassVar[Any] = lib.tp_model_free

    def __init__(
        self,
        widths: Union[Sequence[int], str],
        *others: NoReturn,
        activation: Union[ActivationName, Activation] = Activation.LEAKY_RELU,
        negative_slope: float = 0.01,
        bias: bool = True,
        initialization: Union[InitializationName, Initialization] = Initialization.GLOROT_UNIFORM,
        seed: int = 0,
    ) -> None:
        self._pointer_or_none = None
        _check_widths(widths, others)
        config = initialized(tp_model_config())
        config.activation = Activation.of(activation).code
        config.negative_slope = negative_slope
        config.bias = int(bias)
        config.initialization = Initialization.of(initialization).code
        config.seed = uint64(seed, "seed")
        out = ctypes.c_void_p()
        if isinstance(widths, str):
            check(lib.tp_model_create(out, text_bytes(widths), config))
        else:
            native = np.array([int32(width, "a width") for width in widths], np.int32)
            check(lib.tp_model_create_mlp(out, address(native), native.size, config))
        self._pointer_or_none = out.value

    def clone(self) -> Model:
        """An independent copy, metadata included."""
        out = ctypes.c_void_p()
        check(lib.tp_model_clone(out, self._pointer))
        return self._adopt(out)

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        activation: Union[ActivationName, Activation] = Activation.LEAKY_RELU,
        negative_slope: float = 0.01,
    ) -> Model:
        """The model in a safetensors file: one of `save`, a checkpoint, or a plain perceptron of PyTorch.

        Only PyTorch's files, which do not tell, take activation and negative_slope from here. Their layers stand in
        the order of the numbers in their names, or in the only one that the shapes allow.
        """
        config = _foreign_config(activation, negative_slope)
        out = ctypes.c_void_p()
        check(lib.tp_model_load(out, path_bytes(path), config))
        return cls._adopt(out)

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        *,
        activation: Union[ActivationName, Activation] = Activation.LEAKY_RELU,
        negative_slope: float = 0.01,
    ) -> Model:
        """The model in the bytes of a file, as `load`."""
        config = _foreign_config(activation, negative_slope)
        out = ctypes.c_void_p()
        check(lib.tp_model_load_buffer(out, data, len(data), config))
        return cls._adopt(out)

    def load_weights(self, path: Path) -> None:
        """Takes over the arrays of a safetensors file, such as a state_dict of PyTorch's nn.Sequential.

        By name where the file has all of the model's, and otherwise in the order of the layers.
        """
        check(lib.tp_model_load_weights(self._pointer, path_bytes(path)))

    def save(self, path: Path) -> None:
        """Writes a safetensors file. What is there gives way at once, when all is on the disk, or stays."""
        check(lib.tp_model_save(self._pointer, path_bytes(path)))

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        size = ctypes.c_size_t()
        check(lib.tp_model_save_buffer(self._pointer, None, 0, size))
        buffer = ctypes.create_string_buffer(size.value)
        check(lib.tp_model_save_buffer(self._pointer, buffer, len(buffer), size))
        return buffer.raw

    __copy__ = clone

    def __deepcopy__(self, memo: Any) -> Model:
        return self.clone()

    def __repr__(self) -> str:
        if self.closed:
            return "<Model, closed>"
        if self.layer_count > 16:
            return f"<Model of {self.layer_count} layers, {self.widths[0]} to {self.widths[-1]}>"
        return f"<Model {'-'.join(map(str, self.widths))}, {self.activation}>"

    @property
    def architecture(self) -> str:
        """The text that makes the net again."""
        return _text(lib.tp_model_architecture, self._pointer)

    def summary(self) -> str:
        """A table for people, a layer a line."""
        return _text(lib.tp_model_summary, self._pointer)

    @property
    def tensors(self) -> List[str]:
        """Names of all arrays, as PyTorch has them, in the order of the layers."""
        count = int(lib.tp_model_tensor_count(self._pointer))
        return [_text(lib.tp_model_tensor_name, self._pointer, index) for index in range(count)]

    def tensor(self, name: str) -> FloatArray:
        """A copy of the array `name`, such as "fc1.weight", with PyTorch's dimensions."""
        values = np.empty(self._tensor_shape(name), np.float32)
        check(lib.tp_model_get_tensor(self._pointer, text_bytes(name), address(values), values.size))
        return values

    def set_tensor(self, name: str, values: npt.ArrayLike) -> None:
        """Writes the array `name`; shapes must match."""
        array = float_array(values, "values")
        shape = self._tensor_shape(name)
        if array.shape != shape:
            raise ShapeMismatchError(
                f"values have shape {array.shape}, but '{name}' needs {shape}"
            )
        check(lib.tp_model_set_tensor(self._pointer, text_bytes(name), address(array), array.size))

    def _tensor_shape(self, name: str) -> Tuple[int, ...]:
        sizes = np.empty(4, np.int32)
        rank = ctypes.c_int32()
        check(
            lib.tp_model_tensor_shape(
                self._pointer, text_bytes(name), address(sizes), sizes.size, rank
            )
        )
        return tuple(sizes[: rank.value].tolist())

    @property
    def widths(self) -> Tuple[int, ...]:
        pointer = self._pointer  # raises for a closed model
        try:
            return self._widths
        except AttributeError:  # asked for the first time; they never change
            widths = np.empty(self.layer_count + 1, np.int32)
            check(lib.tp_model_widths(pointer, address(widths), widths.size))
            self._widths: Tuple[int, ...] = tuple(widths.tolist())
            return self._widths

    @property
    def layer_count(self) -> int:
        return int(lib.tp_model_layer_count(self._pointer))

    @property
    def parameter_count(self) -> int:
        """Weights and biases."""
        return int(lib.tp_model_parameter_count(self._pointer))

    @property
    def activation(self) -> Activation:
        return Activation.of_code(self._config().activation)

    @property
    def negative_slope(self) -> float:
        return float(self._config().negative_slope)

    @property
    def bias(self) -> bool:
        return bool(self._config().bias)

    @property
    def initialization(self) -> Initialization:
        return Initialization.of_code(self._config().initialization)

    @property
    def seed(self) -> int:
        return int(self._config().seed)

    def _config(self) -> Any:
        config = initialized(tp_model_config())
        check(lib.tp_model_get_config(self._pointer, config))
        return config

    @property
    def metadata(self) -> Metadata:
        return Metadata(self)

    def get_layer(self, layer: int) -> Layer:
        """Copies of the weights and bias of a layer, from 0."""
        index = int32(layer, "layer")
        outputs, inputs = ctypes.c_int32(), ctypes.c_int32()
        check(lib.tp_model_layer_shape(self._pointer, index, outputs, inputs))
        weights: FloatArray = np.empty((outputs.value, inputs.value), np.float32)
        bias: Optional[FloatArray] = np.empty(outputs.value, np.float32) if self.bias else None
        check(
            lib.tp_model_get_layer(
                self._pointer,
                index,
                address(weights),
                weights.size,
                None if bias is None else address(bias),
                0 if bias is None else bias.size,
            )
        )
        return Layer(weights, bias)

    def set_layer(
        self,
        layer: int,
        weights: Optional[npt.ArrayLike] = None,
        bias: Optional[npt.ArrayLike] = None,
    ) -> None:
        """Writes weights (outputs x inputs), bias (outputs) or both."""
        index = int32(layer, "layer")
        outputs, inputs = ctypes.c_int32(), ctypes.c_int32()
        check(lib.tp_model_layer_shape(self._pointer, index, outputs, inputs))
        matrix_ = None if weights is None else float_array(weights, "weights")
        if matrix_ is not None and matrix_.shape != (outputs.value, inputs.value):
            raise _shape("weights", matrix_, (outputs.value, inputs.value))
        vector = None if bias is None else float_array(bias, "bias")
        if vector is not None and vector.shape != (outputs.value,):
            raise _shape("bias", vector, (outputs.value,))
        check(
            lib.tp_model_set_layer(
                self._pointer,
                index,
                None if matrix_ is None else address(matrix_),
                0 if matrix_ is None else matrix_.size,
                None if vector is None else address(vector),
                0 if vector is None else vector.size,
            )
        )

    def get_parameters(self, *, out: Optional[FloatArray] = None) -> FloatArray:
        """All parameters in one array: W_0 row-major, b_0, W_1, b_1, ... as `gradient` orders them."""
        parameters = result(out, (self.parameter_count,), np.float32)
        check(lib.tp_model_get_parameters(self._pointer, address(parameters), parameters.size))
        return parameters

    def set_parameters(self, parameters: npt.ArrayLike) -> None:
        values = float_array(parameters, "parameters")
        check(lib.tp_model_set_parameters(self._pointer, address(values), values.size))

    def predict(
        self,
        x: npt.ArrayLike,
        kind: Union[OutputName, Output] = Output.RAW,
        *,
        out: Optional[FloatArray] = None,
    ) -> FloatArray:
        """Outputs for x (count x first width): count x last width. "probabilities" gives their softmax."""
        wanted = kind if type(kind) is Output else Output.of(kind)
        rows = matrix(x, "x")
        outputs = result(out, (rows.shape[0], self.widths[-1]), np.float32)
        check(
            lib.tp_model_predict(
                self._pointer,
                address(rows),
                rows.shape[1],
                rows.shape[0],
                wanted.code,
                address(outputs),
                outputs.size,
            )
        )
        return outputs

    def predict_labels(self, x: npt.ArrayLike, *, out: Optional[IntArray] = None) -> IntArray:
        """The class with the largest output of each sample: int32, count."""
        rows = matrix(x, "x")
        labels = result(out, (rows.shape[0],), np.int32)
        check(
            lib.tp_model_predict_labels(
                self._pointer,
                address(rows),
                rows.shape[1],
                rows.shape[0],
                address(labels),
                labels.size,
            )
        )
        return labels

    def loss(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        loss: Union[LossName, Loss] = Loss.CROSS_ENTROPY,
        weights: Optional[npt.ArrayLike] = None,
    ) -> float:
        """The loss on x (count x first width).

        y holds labels (count, integers) for the cross-entropy and targets (count x last width) for the
        squared errors; weights (count) weigh the samples.
        """
        kind = loss if type(loss) is Loss else Loss.of(loss)
        batch = Samples()
        batch.fill(kind, x, y, weights)
        value = ctypes.c_double()
        check(lib.tp_model_loss(self._pointer, batch, kind.code, value))
        return value.value

    def gradient(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        loss: Union[LossName, Loss] = Loss.CROSS_ENTROPY,
        weights: Optional[npt.ArrayLike] = None,
        out: Optional[FloatArray] = None,
    ) -> Tuple[FloatArray, float]:
        """The gradient of the loss, in the order of `get_parameters`, and the loss."""
        kind = Loss.of(loss)
        batch = samples(kind, x, y, weights)
        gradient = result(out, (self.parameter_count,), np.float32)
        value = ctypes.c_double()
        check(
            lib.tp_model_gradient(
                self._pointer, batch, kind.code, address(gradient), gradient.size, value
            )
        )
        return gradient, value.value

    def hessian_vector_product(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        v: npt.ArrayLike,
        *,
        loss: Union[LossName, Loss] = Loss.CROSS_ENTROPY,
        weights: Optional[npt.ArrayLike] = None,
        out: Optional[FloatArray] = None,
    ) -> FloatArray:
        """The Hessian of the loss times v, in the order of `get_parameters`; `out` may not overlap `v`."""
        kind = Loss.of(loss)
        batch = samples(kind, x, y, weights)
        vector = float_array(v, "v")
        product = result(out, (self.parameter_count,), np.float32)
        check(
            lib.tp_model_hessian_vector_product(
                self._pointer,
                batch,
                kind.code,
                address(vector),
                vector.size,
                address(product),
                product.size,
            )
        )
        return product

    def evaluate(
        self,
        dataset: Dataset,
        *,
        loss: Union[LossName, Loss] = Loss.CROSS_ENTROPY,
        stop: Optional[StopFlag] = None,
    ) -> Metrics:
        """Loss and accuracy over a data set. Another thread may end it by `stop`: StoppedError."""
        data_set(dataset, "dataset")
        metrics = initialized(tp_metrics())
        interruptible(
            stop,
            lib.tp_model_evaluate,
            self._pointer,
            dataset._pointer,
            Loss.of(loss).code,
            metrics,
        )
        return Metrics(metrics.loss, metrics.accuracy, metrics.correct, metrics.count)

    def confusion_matrix(self, dataset: Dataset) -> npt.NDArray[np.int64]:
        """counts[t, p]: samples of class t that are predicted as p; last width x last width."""
        data_set(dataset, "dataset")
        classes = self.widths[-1]
        counts: npt.NDArray[np.int64] = np.empty((classes, classes), np.int64)
        interruptible(
            None,
            lib.tp_model_confusion_matrix,
            self._pointer,
            dataset._pointer,
            address(counts),
            counts.size,
        )
        return counts

    def class_metrics(self, dataset: Dataset) -> ClassMetrics:
        """Precision, recall and F1 of each class over a data set, from its confusion matrix."""
        counts = self.confusion_matrix(dataset)
        classes = len(counts)
        numbers: DoubleArray = np.empty((3, classes), np.float64)
        precision, recall, f1 = numbers
        check(
            lib.tp_confusion_metrics(
                address(counts),
                classes,
                address(precision),
                address(recall),
                address(f1),
                classes,
            )
        )
        return ClassMetrics(counts, precision, recall, f1)

    def check_teleport(self, config: TeleportConfig = TeleportConfig()) -> None:
        """Raises UnsupportedError, with the reason, when this config cannot teleport this model."""
        # Held-out samples play no part here, and without a loss nobody knows what their y is.
        native = NativeConfig(config, None)
        check(lib.tp_model_check_teleport(self._pointer, native.struct))

    def teleport(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        config: TeleportConfig = TeleportConfig(),
        *,
        loss: Union[LossName, Loss] = Loss.CROSS_ENTROPY,
        weights: Optional[npt.ArrayLike] = None,
        stop: Optional[StopFlag] = None,
    ) -> TeleportReport:
        """Moves the weights to a point with the same loss on these samples and another gradient.

        A move that fails its check is put back: then `accepted` is false and `outcome` says why. The
        lookahead search needs config.learning_rate. Another thread may end it by `stop`: StoppedError, with
        the weights as before to the bit, as after Ctrl-C.
        """
        kind = Loss.of(loss)
        batch = samples(kind, x, y, weights)
        native = NativeConfig(config, kind)
        report = new_report()
        interruptible(
            stop, lib.tp_model_teleport, self._pointer, batch, kind.code, native.struct, report
        )
        return report_of(report)

    def apply_scaling(self, layer: int, scale: npt.ArrayLike) -> None:
        """Scales the units of hidden layer `layer` by positive factors; outputs stay."""
        factors = float_array(scale, "scale")
        check(
            lib.tp_model_apply_scaling(
                self._pointer, int32(layer, "layer"), address(factors), factors.size
            )
        )

    @property
    def scaling_count(self) -> int:
        """Channels that the scaling group moves: of a perceptron, its hidden units."""
        return int(lib.tp_model_scaling_count(self._pointer))

    def scaling_variables(self, layer: int) -> npt.NDArray[np.int64]:
        """For every row of a layer's weights the number of its channel, or -1 where it does not move."""
        index = int32(layer, "layer")
        rows = ctypes.c_int32()
        check(lib.tp_model_layer_shape(self._pointer, index, rows, None))
        variables = np.empty(rows.value, np.int64)
        check(
            lib.tp_model_scaling_variables(
                self._pointer, index, address(variables), variables.size
            )
        )
        return variables

    def apply_linear(self, layer: int, g: npt.ArrayLike, x: Optional[npt.ArrayLike] = None) -> None:
        """Acts with g (k x k, invertible) on the units of hidden layer `layer` through inputs x.

        Outputs on x stay where x has no more samples than the layer has inputs, and elsewhere
        nearly; nothing is checked. Identity activations need no x: outputs then stay for every
        input.
        """
        element = float_array(g, "g")
        batch, kept = (None, None) if x is None else inputs(x)
        check(
            lib.tp_model_apply_linear(
                self._pointer, int32(layer, "layer"), address(element), element.size, batch
            )
        )
        del kept

    def linear_gradient_norm(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        loss: Union[LossName, Loss] = Loss.CROSS_ENTROPY,
        weights: Optional[npt.ArrayLike] = None,
    ) -> Tuple[float, List[DoubleArray]]:
        """phi, the squared gradient norm, and d phi / d T of every hidden layer at T = 0.

        T (k x k) is in the Lie algebra of the linear group: `apply_linear` with g = exp(T).
        """
        kind = Loss.of(loss)
        batch = samples(kind, x, y, weights)
        hidden = self.widths[1:-1]
        gradient = np.empty(sum(k * k for k in hidden), np.float64)
        phi = ctypes.c_double()
        check(
            lib.tp_model_linear_gradient_norm(
                self._pointer, batch, kind.code, phi, address(gradient), gradient.size
            )
        )
        ends = np.cumsum([k * k for k in hidden])
        parts = np.split(gradient, ends[:-1]) if hidden else []
        return phi.value, [part.reshape(k, k) for part, k in zip(parts, hidden)]

    def scaling_gradient_norm(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        log_scale: npt.ArrayLike,
        *,
        loss: Union[LossName, Loss] = Loss.CROSS_ENTROPY,
        weights: Optional[npt.ArrayLike] = None,
    ) -> Tuple[float, DoubleArray]:
        """phi(s), the squared gradient norm after scaling by exp(s), and d phi / d s.

        log_scale holds s for every hidden unit, layer after layer.
        """
        kind = Loss.of(loss)
        batch = samples(kind, x, y, weights)
        scale = doubles(log_scale, "log_scale")
        gradient = np.empty(scale.size, np.float64)
        phi = ctypes.c_double()
        check(
            lib.tp_model_scaling_gradient_norm(
                self._pointer,
                batch,
                kind.code,
                address(scale),
                scale.size,
                phi,
                address(gradient),
                gradient.size,
            )
        )
        return phi.value, gradient


def architecture(name: str, shape: Sequence[int], classes: int) -> str:
    """The text of a known net for inputs of `shape` (channels, height, width; or the width of vectors).

    Names are mlp, lenet, vgg-small, resnet-8, resnet-14 and resnet-20.
    """
    sizes = [int32(size, "a size of shape") for size in shape]
    if len(sizes) not in (1, 3):
        raise InvalidArgumentError(
            f"shape has {len(sizes)} sizes, but needs channels, height and width, or a width alone"
        )
    native = np.array(sizes + [1, 1] if len(sizes) == 1 else sizes, np.int32)
    return _text(lib.tp_architecture, text_bytes(name), address(native), int32(classes, "classes"))


def _text(function: Any, *arguments: Any) -> str:
    """What a function copies into a buffer of the length that it asks for."""
    length = ctypes.c_size_t()
    check(function(*arguments, None, 0, length))
    buffer = ctypes.create_string_buffer(length.value + 1)
    check(function(*arguments, buffer, len(buffer), None))
    return buffer.value.decode("utf-8")


def _check_widths(widths: Any, others: Tuple[Any, ...]) -> None:
    """Tells who writes Model(4, 8, 3) or Model([4, 8, 3], "tanh") what to write."""
    if isinstance(widths, (int, np.integer)):
        rest = ", ".join(map(repr, others)) or "..."
        raise InvalidArgumentError(f"the widths are one sequence: write Model([{widths}, {rest}])")
    if others:
        raise InvalidArgumentError(
            f"Model takes its widths alone by position: write activation={others[0]!r}"
        )


def _foreign_config(activation: Union[ActivationName, Activation], negative_slope: float) -> Any:
    config = initialized(tp_model_config())
    config.activation = Activation.of(activation).code
    config.negative_slope = negative_slope
    return config


def _shape(name: str, array: npt.NDArray[Any], needed: Tuple[int, ...]) -> ShapeMismatchError:
    return ShapeMismatchError(f"{name} have shape {array.shape}, but the layer needs {needed}")
