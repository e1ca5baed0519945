"""Ctrl-C and exceptions in callbacks stop native work and are raised in the caller."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import teleport


class Boom(Exception):
    pass


@pytest.fixture
def long_run():
    """A run that would take minutes."""
    x = np.zeros((4096, 64), np.float32)
    dataset = teleport.Dataset.from_labels(x, np.zeros(4096, np.int32), class_count=2)
    trainer = teleport.Trainer(teleport.Model([64, 64, 2]), learning_rate=0.0)

    def run(**options):
        options.setdefault("epochs", 100_000)
        return trainer.run(dataset, **options)

    run.trainer = trainer
    return run


@pytest.fixture
def ctrl_c():
    """Sends SIGINT to this process after some seconds, once."""
    timers = []

    def send(after=0.3, number=signal.SIGINT):
        timer = threading.Timer(after, os.kill, (os.getpid(), number))
        timers.append(timer)
        timer.start()

    yield send
    for timer in timers:
        timer.cancel()
        timer.join()


@pytest.fixture(autouse=True)
def handlers_are_put_back():
    # A shell's background jobs ignore SIGINT, and Python leaves that alone.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.getsignal(signal.SIGINT), signal.set_wakeup_fd(-1), threading.active_count()
    signal.set_wakeup_fd(before[1])
    yield
    wakeup = signal.set_wakeup_fd(-1)
    assert (signal.getsignal(signal.SIGINT), wakeup) == before[:2]
    names = [thread.name for thread in threading.enumerate()]
    assert "teleport-ctrl-c" not in names
    signal.signal(signal.SIGINT, inherited)


def test_ctrl_c_stops_a_run_within_an_epoch_without_step_events(ctrl_c):
    # An epoch of minutes and no events in it: no Python code runs during the call.
    dataset = teleport.Dataset.from_labels(
        np.zeros((20_000, 64), np.float32), np.zeros(20_000, np.int32), class_count=2
    )
    trainer = teleport.Trainer(teleport.Model([64, 2048, 2048, 2]), learning_rate=0.0)
    ctrl_c()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        trainer.run(dataset, batch_size=1, progress_interval=-1)
    assert time.monotonic() - begun < 5
    assert trainer.epoch == 0


@pytest.mark.parametrize("interval", [0, 1])
def test_ctrl_c_stops_a_run_with_step_events(long_run, ctrl_c, interval):
    ctrl_c()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        long_run(progress_interval=interval)
    assert time.monotonic() - begun < 5


def test_ctrl_c_in_a_callback_is_raised_in_the_caller(long_run, ctrl_c):
    seen = []

    def on_event(event):
        if not seen:
            os.kill(os.getpid(), signal.SIGINT)
        seen.append(event)

    with pytest.raises(KeyboardInterrupt):
        long_run(on_event=on_event, progress_interval=1)
    assert len(seen) == 1


def test_a_run_goes_on_after_ctrl_c(long_run, ctrl_c):
    flag = teleport.StopFlag()
    ctrl_c()
    with pytest.raises(KeyboardInterrupt):
        long_run(stop=flag)
    assert not flag.is_set()
    steps = long_run.trainer.step_count
    result = long_run(epochs=1, stop=flag)
    assert not result.stopped
    assert long_run.trainer.step_count > steps


def test_a_handler_of_the_host_that_does_not_raise_leaves_the_run_alone(long_run, ctrl_c):
    calls = []
    old = signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
    try:
        os.kill(os.getpid(), signal.SIGINT)
        ctrl_c(after=0.05)
        flag = teleport.StopFlag()
        stopper = threading.Timer(0.6, flag.set)
        stopper.start()
        result = long_run(stop=flag, progress_interval=1)
        stopper.join()
    finally:
        signal.signal(signal.SIGINT, old)
    assert result.stopped
    assert calls == [signal.SIGINT] * 2


def test_another_signals_handler_that_raises_stops_the_run(long_run, ctrl_c):
    def handler(number, frame):
        raise Boom("the alarm")

    old = signal.signal(signal.SIGUSR1, handler)
    try:
        ctrl_c(number=signal.SIGUSR1)
        with pytest.raises(Boom, match="the alarm"):
            long_run(progress_interval=1)
        assert signal.getsignal(signal.SIGUSR1) is handler
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_the_hosts_wakeup_descriptor_gets_its_signals(long_run, ctrl_c):
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write)
    try:
        ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            long_run()
        assert os.read(read, 10) == bytes([signal.SIGINT])
    finally:
        assert signal.set_wakeup_fd(before) == write
        os.close(read)
        os.close(write)


@pytest.mark.parametrize("error", [Boom("in the callback"), SystemExit(3)])
def test_an_exception_in_a_callback_is_raised_in_the_caller(long_run, error):
    calls = []

    def on_event(event):
        calls.append(event)
        raise error

    with pytest.raises(type(error)) as raised:
        long_run(on_event=on_event, progress_interval=1)
    assert raised.value is error
    assert len(calls) == 1


def test_an_exception_in_a_callback_on_another_thread(long_run):
    raised = []

    def on_event(event):
        raise Boom(threading.current_thread().name)

    def work():
        try:
            long_run(on_event=on_event)
        except Boom as error:
            raised.append(str(error))

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    thread.join(30)
    assert raised == ["worker"]


def test_true_from_a_callback_stops_the_run(long_run):
    events = []

    def on_event(event):
        events.append(event)
        return len(events) == 3

    result = long_run(on_event=on_event, progress_interval=1)
    assert result.stopped and len(events) == 3


def test_a_flag_of_another_thread_stops_the_run(long_run):
    flag = teleport.StopFlag()
    timer = threading.Timer(0.3, flag.set)
    timer.start()
    result = long_run(stop=flag, progress_interval=-1)
    timer.join()
    assert result.stopped and flag.is_set()


def test_a_run_within_a_callback_of_another_is_interrupted_itself(long_run, ctrl_c):
    inner = teleport.Trainer(teleport.Model([64, 64, 2]), learning_rate=0.0)
    dataset = teleport.Dataset.from_labels(
        np.zeros((256, 64), np.float32), np.zeros(256, np.int32), class_count=2
    )
    caught = []

    def on_event(event):
        ctrl_c()
        try:
            inner.run(dataset, epochs=1_000_000)
        except KeyboardInterrupt:
            caught.append("inner")
            raise

    with pytest.raises(KeyboardInterrupt):
        long_run(on_event=on_event)
    assert caught == ["inner"]


@pytest.fixture
def many_images(tmp_path):
    """A folder that takes long to read because each image is a link to one file."""
    from conftest import png_bytes

    target = tmp_path / "one.png"
    target.write_bytes(png_bytes(np.zeros((8, 8), np.uint8)))
    folder = tmp_path / "images" / "a"
    folder.mkdir(parents=True)
    for index in range(3000):
        (folder / f"{index:04}.png").symlink_to(target)
    return tmp_path / "images"


def test_ctrl_c_stops_the_reading_of_images(many_images):
    def progress(done, total):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        teleport.Dataset.from_image_folder(many_images, progress=progress)


def test_an_exception_in_progress_is_raised_in_the_caller(many_images):
    def progress(done, total):
        raise Boom("reading")

    with pytest.raises(Boom, match="reading"):
        teleport.Dataset.from_image_folder(many_images, progress=progress)


def test_true_from_progress_is_a_stopped_error(many_images):
    with pytest.raises(teleport.StoppedError):
        teleport.Dataset.from_image_folder(many_images, progress=lambda done, total: True)


@pytest.fixture
def long_search():
    """A random search of minutes, on a model or within a trainer's run."""
    rng = np.random.default_rng(0)
    x = rng.random((1024, 784), np.float32)
    labels = (np.arange(1024) % 10).astype(np.int32)
    model = teleport.Model([784, 512, 512, 10], activation="tanh")
    trainer = teleport.Trainer(model)
    config = teleport.TeleportConfig(group="linear", search="random", candidates=10_000)
    dataset = teleport.Dataset.from_labels(x, labels, class_count=10)

    def search(call, **options):
        if call == "model":
            return model.teleport(x, labels, config, **options)
        if call == "trainer":
            return trainer.teleport(x, labels, config)
        return trainer.run(dataset, teleport=config, progress_interval=-1, **options)

    search.model = model
    search.trainer = trainer
    return search


CALLS = ["model", "trainer", "run"]


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_stops_a_teleport_and_puts_the_model_back(long_search, ctrl_c, call):
    before = long_search.model.get_parameters()
    ctrl_c(after=1.0)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        long_search(call)
    assert time.monotonic() - begun < 5
    np.testing.assert_array_equal(long_search.model.get_parameters(), before)


def test_the_flag_of_a_run_stops_it_within_a_teleport(long_search):
    before = long_search.model.get_parameters()
    flag = teleport.StopFlag()
    timer = threading.Timer(1.0, flag.set)
    timer.start()
    begun = time.monotonic()
    result = long_search("run", stop=flag)
    assert time.monotonic() - begun < 5
    timer.join()
    assert result.stopped and result.teleports == ()
    np.testing.assert_array_equal(long_search.model.get_parameters(), before)


@pytest.mark.parametrize("call", ["trainer", "run"])
def test_a_request_stops_a_trainer_and_is_answered_once(long_search, call):
    before = long_search.model.get_parameters()
    timer = threading.Timer(0.5, long_search.trainer.request_stop)
    timer.start()
    begun = time.monotonic()
    if call == "run":
        assert long_search("run").stopped
    else:
        with pytest.raises(teleport.StoppedError):
            long_search("trainer")
    timer.join()
    assert time.monotonic() - begun < 5
    np.testing.assert_array_equal(long_search.model.get_parameters(), before)
    quick = teleport.TeleportConfig(search="ascent", group="level_set", steps=1)
    x, labels = np.zeros((8, 784), np.float32), np.zeros(8, np.int32)
    long_search.trainer.teleport(x, labels, quick)


def test_another_signals_handler_that_raises_stops_a_teleport(long_search, ctrl_c):
    def handler(number, frame):
        raise Boom("the alarm")

    old = signal.signal(signal.SIGUSR1, handler)
    try:
        ctrl_c(number=signal.SIGUSR1)
        begun = time.monotonic()
        with pytest.raises(Boom, match="the alarm"):
            long_search("model")
        assert time.monotonic() - begun < 5
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_a_flag_stops_a_teleport_on_another_thread(long_search):
    flag = teleport.StopFlag()
    raised = []

    def work():
        try:
            long_search("model", stop=flag)
        except teleport.StoppedError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.3)
    flag.set()
    thread.join(5)
    assert len(raised) == 1


def test_ctrl_c_stops_a_descent_and_an_evaluation(ctrl_c):
    rng = np.random.default_rng(0)
    dataset = teleport.Dataset.from_labels(
        rng.random((20_000, 784), np.float32), np.zeros(20_000, np.int32), class_count=10
    )
    model = teleport.Model([784, 4096, 4096, 10])
    ctrl_c()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        while True:
            model.evaluate(dataset)
    assert time.monotonic() - begun < 5
    ctrl_c()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        config = teleport.plane.PlaneConfig(steps=20_000_000, learning_rate=1e-9)
        teleport.plane.descend(teleport.plane.rosenbrock(), [-1.0, -1.0], config)
    assert time.monotonic() - begun < 5
