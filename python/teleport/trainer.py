"""Training: single steps on arrays, runs over data sets."""

from __future__ import annotations

import ctypes
import dataclasses
from typing import Any, Callable, ClassVar, List, Literal, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._abi import (
    tp_event,
    tp_event_callback,
    tp_frame_report,
    tp_optimizer_config,
    tp_run_config,
    tp_run_result,
)
from ._arrays import FloatArray, Samples, address, float_array, result, samples
from ._handle import Handle
from ._interrupt import Interruptible, StopFlag, interruptible
from ._library import check, initialized, lib
from ._values import Path, expect, int32, int64, path_bytes, uint64
from .augment import AugmentConfig, native_augment
from .dataset import Dataset, data_set
from .enums import (
    Average,
    AverageName,
    Centring,
    CentringName,
    EventKind,
    Finish,
    FinishName,
    Loss,
    LossName,
    OptimizerKind,
    OptimizerName,
)
from .errors import InvalidArgumentError, ShapeMismatchError, Status
from .frames import FrameConfig, FrameReport, frame_report_of, native_frames
from .model import Model
from .schedule import NativeSchedule, Schedule
from .teleports import NativeConfig, TeleportConfig, TeleportReport, new_report, report_of


@dataclasses.dataclass(frozen=True)
class Event:
    """tp_event. STEP: loss of the last mini-batch; EPOCH: mean loss over its mini-batches, each before its
    step, and the validation; TELEPORT: the report; EARLY_STOP: epoch (-1: none) and validation of the best. Numbers
    that a kind does not have are NaN."""

    kind: EventKind
    epoch: int
    step: int
    step_in_epoch: int
    steps_per_epoch: int
    loss: float
    learning_rate: float
    seconds: float
    valid_loss: float
    valid_accuracy: float
    teleport: Optional[TeleportReport]


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What a run did: its epoch events, its teleports (one that is undone is there twice, the second time
    as UNDONE), and whether a callback or the flag stopped it. With patience: whether that was used up, and the epoch
    of the best validation (-1: none), whose weights the model has when the run has come to its end."""

    stopped: bool
    epochs: Tuple[Event, ...]
    teleports: Tuple[TeleportReport, ...]
    stopped_early: bool
    best_epoch: int
    best_valid_loss: float
    best_valid_accuracy: float


OnEvent = Callable[[Event], Optional[bool]]


class Trainer(Handle):
    """Trains one model with one optimizer. teleport.h describes the optimizers and their numbers.

    epsilon       -1: 1e-10 for "adagrad", 1e-8 for the others
    weight_decay  -1: 0.01 for "adamw", 0 for the others
    clip_norm     gradients longer than this are shortened to it; 0: off
    average       of the weights, for `averaged_model`; "schedule_free" with "sgd" and "adamw"
    label_smoothing
                  of the cross-entropy, 0 to below 1: this share of each label is spread evenly over all classes, in
                  steps, runs and teleports of this trainer and in what it measures; validation is without

    optimizer="dog" has no rate to choose; initial_radius (0: 1e-6) and dog_layerwise are its own.

    Keeps the model: it may be closed while the trainer lives. One trainer, one thread at a time.
    """

    __slots__ = ("_loss", "_samples", "_value", "_model", "_schedule")
    _free: ClassVar[Any] = lib.tp_trainer_free

    def __init__(
        self,
        model: Model,
        *,
        loss: Union[LossName, Loss] = Loss.CROSS_ENTROPY,
        optimizer: Union[OptimizerName, OptimizerKind] = OptimizerKind.SGD,
        learning_rate: float = 0.01,
        momentum: float = 0.9,
        beta1: float = 0.9,
        beta2: float = 0.999,
        alpha: float = 0.99,
        epsilon: float = -1.0,
        weight_decay: float = -1.0,
        clip_norm: float = 0.0,
        average: Union[AverageName, Average] = Average.DEFAULT,
        initial_radius: float = 0.0,
        dog_layerwise: bool = True,
        label_smoothing: float = 0.0,
    ) -> None:
        self._pointer_or_none = None
        expect(model, Model, "model", f"Model({model!r})")
        self._prepare(Loss.of(loss))
        config = initialized(tp_optimizer_config())
        config.optimizer = OptimizerKind.of(optimizer).code
        config.learning_rate = learning_rate
        config.momentum = momentum
        config.beta1 = beta1
        config.beta2 = beta2
        config.alpha = alpha
        config.epsilon = epsilon
        config.weight_decay = weight_decay
        config.clip_norm = clip_norm
        config.average = Average.of(average).code
        config.initial_radius = initial_radius
        config.dog_layerwise = int(dog_layerwise)
        config.label_smoothing = label_smoothing
        out = ctypes.c_void_p()
        check(lib.tp_trainer_create(out, model._pointer, self._loss.code, config))
        self._pointer_or_none = out.value

    def _prepare(self, loss: Loss) -> None:
        self._loss = loss
        self._samples: Optional[Samples] = Samples()
        self._value = ctypes.c_double()
        self._model: Optional[Model] = None
        self._schedule: Optional[NativeSchedule] = None

    def __repr__(self) -> str:
        if self.closed:
            return "<Trainer, closed>"
        return f"<Trainer at step {self.step_count}, epoch {self.epoch}, rate {self.learning_rate}>"

    @property
    def loss(self) -> Loss:
        return self._loss

    @property
    def label_smoothing(self) -> float:
        config = initialized(tp_optimizer_config())
        check(lib.tp_trainer_get_config(self._pointer, None, config))
        return float(config.label_smoothing)

    @property
    def model(self) -> Model:
        """The model that is trained: another handle of the same weights as the one given."""
        if self._model is None or self._model.closed:
            out = ctypes.c_void_p()
            check(lib.tp_trainer_model(out, self._pointer))
            self._model = Model._adopt(out)
        return self._model

    def averaged_model(self) -> Model:
        """A new model with the averaged weights; UnsupportedError where the trainer averages none."""
        out = ctypes.c_void_p()
        check(lib.tp_trainer_averaged_model(out, self._pointer))
        return Model._adopt(out)

    def set_frames(self, frames: Optional[FrameConfig] = FrameConfig()) -> None:
        """Steps are taken in frames from now on, renewed from what `step` sees; None: no longer."""
        native = None if frames is None else native_frames(frames)
        check(lib.tp_trainer_set_frames(self._pointer, native))

    def frame_report(self, layer: int) -> FrameReport:
        """The frame of a layer, from 0, since frames were set; BadStateError where there are none."""
        report = initialized(tp_frame_report())
        check(lib.tp_trainer_frame_report(self._pointer, int32(layer, "layer"), report))
        return frame_report_of(report)

    @property
    def epoch(self) -> int:
        """Epochs completed, by runs and by `end_epoch`."""
        return int(lib.tp_trainer_epoch(self._pointer))

    @property
    def step_count(self) -> int:
        return int(lib.tp_trainer_step_count(self._pointer))

    @property
    def learning_rate(self) -> float:
        """The rate of the next step, after the schedule. Setting it sets what the schedule starts from."""
        rate = float(lib.tp_trainer_learning_rate(self._pointer))
        self._raise_kept()
        return rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        check(lib.tp_trainer_set_learning_rate(self._pointer, rate))

    def set_schedule(self, schedule: Schedule = Schedule()) -> None:
        """How the rate goes from here on, counted from the trainer's first step; by default constant."""
        native = NativeSchedule(schedule)
        check(lib.tp_trainer_set_schedule(self._pointer, native.struct))
        self._schedule = native  # the library may call it until the next one is set

    def _check(self, status: int) -> None:
        """Raises what the schedule's callback raised, or else the exception of the status."""
        self._raise_kept()
        check(status)

    def _raise_kept(self) -> None:
        error = None if self._schedule is None else self._schedule.take_error()
        if error is not None:
            raise error

    @classmethod
    def load(cls, path: Path) -> Trainer:
        """A new trainer, with a new `model`, where a checkpoint left off.

        With the same data, options and thread count it goes on to the bit as if it had not stopped. A
        schedule that was a callback must be set again.
        """
        out = ctypes.c_void_p()
        check(lib.tp_trainer_load(out, path_bytes(path)))
        trainer = cls._adopt(out)
        loss = ctypes.c_int32()
        check(lib.tp_trainer_get_config(trainer._pointer, loss, None))
        trainer._prepare(Loss.of_code(loss.value))
        return trainer

    def save(self, path: Path) -> None:
        """Writes a checkpoint, a safetensors file that `Model.load` reads as well. Safe inside `on_event`."""
        check(lib.tp_trainer_save(self._pointer, path_bytes(path)))

    def step(
        self, x: npt.ArrayLike, y: npt.ArrayLike, weights: Optional[npt.ArrayLike] = None
    ) -> float:
        """One training step on all of x (count x first width); returns the loss before it.

        y holds labels (count, integers) for the cross-entropy and targets (count x last width) for the
        squared errors; weights (count) weigh the samples. C-contiguous float32 and int32 are not copied.
        """
        # Inside the rate callback of a step this struct is that step's, and the library refuses this one.
        filled, self._samples = self._samples or Samples(), None
        try:
            filled.fill(self._loss, x, y, weights)
            status = lib.tp_trainer_step(self._pointer, filled, self._value)
        finally:
            filled.clear()
            self._samples = filled
        if status < 0:
            self._check(status)
        return self._value.value

    def apply_gradient(self, gradient: npt.ArrayLike) -> None:
        """One step of the optimizer with a gradient in the order of `Model.get_parameters`."""
        values = float_array(gradient, "gradient")
        self._check(lib.tp_trainer_apply_gradient(self._pointer, address(values), values.size))

    def measure_loss(
        self, x: npt.ArrayLike, y: npt.ArrayLike, weights: Optional[npt.ArrayLike] = None
    ) -> float:
        """The loss that this trainer trains, label smoothing included: `Model.loss` knows the plain one."""
        batch = samples(self._loss, x, y, weights)
        value = ctypes.c_double()
        check(lib.tp_trainer_loss(self._pointer, batch, value))
        return value.value

    def gradient(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        weights: Optional[npt.ArrayLike] = None,
        *,
        out: Optional[FloatArray] = None,
    ) -> Tuple[FloatArray, float]:
        """The gradient of `measure_loss`, in the order of `Model.get_parameters`, and the loss."""
        batch = samples(self._loss, x, y, weights)
        gradient = result(out, (self.model.parameter_count,), np.float32)
        value = ctypes.c_double()
        check(
            lib.tp_trainer_gradient(self._pointer, batch, address(gradient), gradient.size, value)
        )
        return gradient, value.value

    def hessian_vector_product(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        v: npt.ArrayLike,
        *,
        weights: Optional[npt.ArrayLike] = None,
        out: Optional[FloatArray] = None,
    ) -> FloatArray:
        """The Hessian of `measure_loss` times v; `out` may not overlap `v`."""
        batch = samples(self._loss, x, y, weights)
        vector = float_array(v, "v")
        product = result(out, (self.model.parameter_count,), np.float32)
        check(
            lib.tp_trainer_hessian_vector_product(
                self._pointer,
                batch,
                address(vector),
                vector.size,
                address(product),
                product.size,
            )
        )
        return product

    def teleport(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        config: TeleportConfig = TeleportConfig(),
        *,
        weights: Optional[npt.ArrayLike] = None,
        stop: Optional[StopFlag] = None,
    ) -> TeleportReport:
        """Teleports the model as `Model.teleport`, with this trainer's optimizer, rate and loss."""
        batch = samples(self._loss, x, y, weights)
        native = NativeConfig(config, self._loss)
        report = new_report()
        try:
            interruptible(
                stop, lib.tp_trainer_teleport, self._pointer, batch, native.struct, report
            )
        finally:
            self._raise_kept()
        return report_of(report)

    def request_stop(self) -> None:
        """Ends the run or teleport of this trainer that another thread has under way, or else the next one.

        A run returns with `stopped` true, a teleport raises StoppedError; with that the request is answered.
        """
        lib.tp_trainer_request_stop(self._pointer)

    def undo_teleport(self) -> None:
        """Puts weights and optimizer state back to before the last accepted teleport, to the bit."""
        check(lib.tp_trainer_undo_teleport(self._pointer))

    def end_epoch(self) -> None:
        """Ends an epoch of a loop of `step`: `epoch` counts it, `save` keeps it, the next run begins after it.

        Where a run was stopped within an epoch, the rest of that epoch is not trained.
        """
        check(lib.tp_trainer_end_epoch(self._pointer))

    def run(
        self,
        train: Dataset,
        valid: Optional[Dataset] = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        teleport: Optional[TeleportConfig] = None,
        teleport_epochs: Sequence[int] = (0,),
        teleports_per_epoch: int = 1,
        teleport_samples: int = 2048,
        watch_steps: int = 200,
        progress_interval: int = 0,
        checkpoint_path: Optional[Path] = None,
        checkpoint_steps: int = 0,
        checkpoint_seconds: float = 0.0,
        checkpoint_keep: int = 1,
        frames: Optional[FrameConfig] = None,
        augment: Optional[AugmentConfig] = None,
        centring: Union[CentringName, Centring] = Centring.DEFAULT,
        finish: Union[FinishName, Finish] = Finish.DEFAULT,
        class_weights: Union[None, Literal["balanced"], npt.ArrayLike] = None,
        patience: int = 0,
        min_delta: float = 0.0,
        stop: Optional[StopFlag] = None,
        on_event: Optional[OnEvent] = None,
    ) -> RunResult:
        """Trains for `epochs` epochs over `train`; `valid` is evaluated after each.

        teleport            how to teleport; None: never
        teleport_epochs     epochs of the trainer, from 0, that begin with teleports
        teleports_per_epoch before the first mini-batches of such an epoch, one each
        teleport_samples    samples that a teleport draws
        watch_steps         a loss that stops being finite within so many steps of a teleport undoes it
        progress_interval   steps between STEP events; 0: about 100 an epoch; -1: none
        checkpoint_path     file that `save` writes during the run; None: none
        checkpoint_steps, checkpoint_seconds
                            from one checkpoint to the next; both 0: after each epoch
        checkpoint_keep     the newest is checkpoint_path, those before it have .1, .2, ... added
        frames              steps are taken in frames as `set_frames` says; None: as the trainer is
        augment             how the images of mini-batches are changed; None: not at all
        centring            without frames: the mean of the inputs is subtracted within the steps; by default for
                            dog alone, which has no rate that was chosen without
        finish              weights that the run ends with, where it has patience or the trainer averages weights
        class_weights       one factor a class, by which its samples are weighed; "balanced": the inverse of the
                            class's weight in `train`. Validation knows none
        patience            epochs in a row without a lower loss over `valid`, by more than min_delta, after which the
                            run ends; then, as after its last epoch, the model has the best weights; 0: off
        stop                another thread sets it to stop the run
        on_event            called on this thread; True stops the run after this event

        An exception in `on_event` or in the schedule's callback and Ctrl-C stop the run and are raised here; the trainer is then as after
        its last step, and another run goes on there. NotFiniteError: the loss stopped being finite with no
        teleport to undo.
        """
        data_set(train, "train")
        if valid is not None:
            data_set(valid, "valid")
        flag = StopFlag() if stop is None else stop
        config = initialized(tp_run_config())
        config.epochs = int32(epochs, "epochs")
        config.batch_size = int32(batch_size, "batch_size")
        config.seed = uint64(seed, "seed")
        config.shuffle = int(shuffle)
        config.drop_last = int(drop_last)
        config.teleports_per_epoch = int32(teleports_per_epoch, "teleports_per_epoch")
        config.teleport_samples = int32(teleport_samples, "teleport_samples")
        config.watch_steps = int32(watch_steps, "watch_steps")
        config.progress_interval = int32(progress_interval, "progress_interval")
        if checkpoint_path is not None:
            config.checkpoint_path = path_bytes(checkpoint_path)
        config.checkpoint_steps = int64(checkpoint_steps, "checkpoint_steps")
        config.checkpoint_seconds = checkpoint_seconds
        config.checkpoint_keep = int32(checkpoint_keep, "checkpoint_keep")
        config.centring = Centring.of(centring).code
        config.finish = Finish.of(finish).code
        factors = _class_weights(class_weights)
        if factors is None:
            config.balance_classes = int(class_weights is not None)
        else:
            config.class_weights = address(factors)
            config.class_weight_count = factors.size
        config.patience = int32(patience, "patience")
        config.min_delta = min_delta
        outcome = initialized(tp_run_result())
        config.result = ctypes.pointer(outcome)
        framed = None if frames is None else native_frames(frames)
        if framed is not None:
            config.frames = ctypes.pointer(framed)
        changed = None if augment is None else native_augment(augment)
        if changed is not None:
            config.augment = ctypes.pointer(changed)
        config.stop_flag = flag.address
        begins = np.array([int32(epoch, "a teleport epoch") for epoch in teleport_epochs], np.int32)
        native = None if teleport is None else NativeConfig(teleport, self._loss)
        if native is not None and begins.size > 0:  # count 0 would mean epoch 0
            config.teleport = ctypes.pointer(native.struct)
            config.teleport_epochs = address(begins)
            config.teleport_epoch_count = begins.size
        ended: List[Event] = []
        reports: List[TeleportReport] = []
        with Interruptible(flag) as guard:

            def on_native_event(pointer: Any, user_data: Any) -> int:
                try:
                    event = pointer.contents
                    if on_event is None and event.kind == EventKind.STEP.code:
                        return int(guard.stopping)
                    told = _event_of(event)
                    if told.kind is EventKind.EPOCH:
                        ended.append(told)
                    if told.teleport is not None:
                        reports.append(told.teleport)
                    if on_event is not None and on_event(told):
                        return 1
                except BaseException as error:
                    guard.keep(error)
                return int(guard.stopping)

            status = lib.tp_trainer_run(
                self._pointer,
                train._pointer,
                None if valid is None else valid._pointer,
                config,
                tp_event_callback(on_native_event),
                None,
            )
            error = None if self._schedule is None else self._schedule.take_error()
            if error is not None:
                guard.keep(error)
        check(status)
        return RunResult(
            status == Status.STOPPED,
            tuple(ended),
            tuple(reports),
            bool(outcome.stopped_early),
            outcome.best_epoch,
            outcome.best_valid_loss,
            outcome.best_valid_accuracy,
        )


def _class_weights(given: Union[None, str, npt.ArrayLike]) -> Optional[FloatArray]:
    """The factors of the classes; None where there are none or the library finds them."""
    if given is None:
        return None
    if isinstance(given, str):
        if given != "balanced":
            raise InvalidArgumentError(
                f'class_weights is {given!r}, but must be one number a class or "balanced"'
            )
        return None
    factors = float_array(given, "class_weights")
    if factors.ndim != 1 or factors.size == 0:
        raise ShapeMismatchError(
            f"class_weights have shape {factors.shape}, but must be one number a class"
        )
    return factors


def _event_of(event: tp_event) -> Event:
    return Event(
        kind=EventKind.of_code(event.kind),
        epoch=event.epoch,
        step=event.step,
        step_in_epoch=event.step_in_epoch,
        steps_per_epoch=event.steps_per_epoch,
        loss=event.loss,
        learning_rate=event.learning_rate,
        seconds=event.seconds,
        valid_loss=event.valid_loss,
        valid_accuracy=event.valid_accuracy,
        teleport=report_of(event.teleport.contents) if event.teleport else None,
    )
