"""Test functions of the plane: golden runs, teleports, functions of the host."""

import numpy as np
import pytest

import teleport
from golden import load
from teleport import plane
from teleport.plane import PlaneConfig, PlaneFunction

RUNS = {(run["function"], run["teleport"]): run for run in load("so2.json")["runs"]}
BUILT_IN = {"rosenbrock": plane.rosenbrock, "booth": plane.booth}


def config_of(run, **options):
    return PlaneConfig(
        steps=run["epochs"],
        learning_rate=run["learning_rate"],
        theta_steps=run["theta_steps"],
        theta_learning_rate=run["theta_learning_rate"],
        teleport_steps=[teleport["epoch"] for teleport in run["teleports"]],
        theta_starts=[teleport["theta_start"] for teleport in run["teleports"]],
        **options,
    )


def close(got, expected, tolerance):
    return np.allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name, moved", [("rosenbrock", False), ("booth", False), ("booth", True)])
def test_golden_descent(name, moved):
    run = RUNS[name, moved]
    points, values = plane.descend(BUILT_IN[name](), run["start"], config_of(run))
    every = 10 if run["epochs"] == 1000 else 1
    # Double on both sides; the bound.
    assert close(values[:-1:every], run["loss_every_tenth"], 1e-9)
    assert close(points[-1], run["final"], 1e-9)
    assert values[-2] == pytest.approx(run["final_loss"], rel=1e-9)
    for step, x, y in run["sampled_points_after_step"]:
        if step + 1 not in [teleport["epoch"] for teleport in run["teleports"]]:
            assert close(points[step + 1], (x, y), 1e-9)


def test_golden_teleport_of_booth():
    run = RUNS["booth", True]
    made = run["teleports"][0]
    before = plane.descend(plane.booth(), run["start"], config_of(RUNS["booth", False])).points
    point, report = plane.teleport(
        plane.booth(), before[made["epoch"]], made["theta_start"], config_of(run)
    )
    assert report.accepted and report.outcome == "accepted"
    assert report.theta == pytest.approx(made["theta_used"], rel=1e-9)
    assert close(point, (made["x"], made["y"]), 1e-9)
    assert report.value_after == pytest.approx(report.value_before, rel=1e-12)
    assert report.gradient_norm2_after == pytest.approx(made["phi"], rel=1e-9)


@pytest.mark.parametrize("steps, tolerance", [(1, 1e-12), (2, 1e-9), (3, 1e-6)])
def test_first_angles_of_rosenbrocks_ascent(steps, tolerance):
    # The slope at the start is 138 a rad and its own slope larger: an ulp grows by two to three
    # digits a step, which is why the later angles do not compare.
    run = RUNS["rosenbrock", True]
    start = plane.descend(plane.rosenbrock(), run["start"], config_of(RUNS["rosenbrock", False]))
    config = PlaneConfig(theta_steps=steps, theta_learning_rate=run["theta_learning_rate"])
    thetas = run["thetas_of_first_teleport"]
    _, report = plane.teleport(plane.rosenbrock(), start.points[99], thetas[0], config)
    assert report.theta == pytest.approx(thetas[steps - 1], rel=tolerance)


def test_rosenbrock_over_a_hundred_seeds():
    """Chaotic, so compared as a distribution; but each teleport keeps the value."""
    run = RUNS["rosenbrock", True]
    function, ends = plane.rosenbrock(), []
    places = [teleport["epoch"] for teleport in run["teleports"]]
    for seed in range(100):
        config = PlaneConfig(teleport_steps=places, seed=seed)
        points, values = plane.descend(function, run["start"], config)
        moved = 0
        for step in places:
            before = points[step - 1] - 1e-3 * function.gradient(points[step - 1])
            # Near the minimum, u = 10 (x^2 - y) is a difference of numbers of size 1, known to
            # 1e-15: the value u^2 + v^2 is then known to 2e-15 sqrt(value). Relative 1e-12 above
            # that floor.
            value = function.value(before)
            assert abs(values[step] - value) <= 1e-12 * value + 4e-15 * np.sqrt(value)
            moved += not np.array_equal(points[step], before)
        assert moved >= 9
        ends.append(values[-2])  # before the last step, as the vectors count
    assert 1e-9 < np.median(ends) < 1e-6


def paraboloid(**further):
    """x^2 + 4 y^2 with u = x, v = 2 y."""
    return PlaneFunction(
        lambda p: p[0] ** 2 + 4 * p[1] ** 2,
        lambda p: (2 * p[0], 8 * p[1]),
        lambda p: (p[0], 2 * p[1]),
        lambda q: [q[0], q[1] / 2],
        **further,
    )


def test_a_function_of_the_host_descends_and_teleports():
    config = PlaneConfig(steps=20, learning_rate=0.05, teleport_steps=[5], theta_starts=[0.3])
    exact = paraboloid(
        hessian=lambda p: [[2, 0], [0, 8]], from_uv_jacobian=lambda q: [[1, 0], [0, 0.5]]
    )
    assert exact.value((3, 1)) == 13 and exact.gradient((3, 1)).tolist() == [6, 8]
    points, values = plane.descend(exact, (3, 1), config)
    expected = [np.array([3.0, 1.0])]
    for _ in range(5):
        expected.append(expected[-1] * (1 - 0.1, 1 - 0.4))
    assert np.allclose(points[:5], expected[:5], rtol=1e-14)
    assert values[5] == pytest.approx(exact.value(expected[5]), rel=1e-12)
    assert not np.allclose(points[5], expected[5])
    # Central differences in theta, with a step of 1e-6, know the slope to 1e-9.
    rough = plane.descend(paraboloid(), (3, 1), config)
    assert np.allclose(rough.points, points, atol=1e-6)
    # The steepest point of a level is on the y axis: |grad|^2 = 4 u^2 + 16 v^2.
    point, report = plane.teleport(
        exact, (3, 1), 0.3, PlaneConfig(theta_steps=500, theta_learning_rate=0.002)
    )
    assert report.gradient_norm2_after == pytest.approx(16 * 13, rel=1e-9)
    assert abs(point[0]) < 1e-6 and report.gradient_norm2_before == 100


def test_built_ins_agree_with_the_same_functions_in_python():
    def rosenbrock():
        return PlaneFunction(
            lambda p: 100 * (p[0] ** 2 - p[1]) ** 2 + (p[0] - 1) ** 2,
            lambda p: (
                400 * p[0] * (p[0] ** 2 - p[1]) + 2 * (p[0] - 1),
                -200 * (p[0] ** 2 - p[1]),
            ),
            lambda p: (10 * (p[0] ** 2 - p[1]), p[0] - 1),
            lambda q: (q[1] + 1, (q[1] + 1) ** 2 - q[0] / 10),
        )

    for point in ((-1, -1), (0.3, 2.0)):
        assert rosenbrock().value(point) == pytest.approx(
            plane.rosenbrock().value(point), rel=1e-14
        )
        assert np.allclose(
            rosenbrock().gradient(point), plane.rosenbrock().gradient(point), rtol=1e-13
        )
    assert plane.booth().value((1, 3)) == 0 and plane.rosenbrock().value((1, 1)) == 0


class Broken(Exception):
    pass


@pytest.mark.parametrize("part", ["value", "gradient", "to_uv", "from_uv", "hessian"])
def test_an_exception_in_a_callback_is_raised_from_the_call(part):
    calls = []

    def broken(point):
        calls.append(part)
        raise Broken(part)

    parts = dict(
        value=lambda p: p @ p,
        gradient=lambda p: 2 * p,
        to_uv=lambda p: p,
        from_uv=lambda q: q,
        hessian=lambda p: 2 * np.eye(2),
    )
    parts[part] = broken
    given = {key: parts.pop(key) for key in ("value", "gradient", "to_uv", "from_uv")}
    function = PlaneFunction(*given.values(), **parts, from_uv_jacobian=lambda q: np.eye(2))
    config = PlaneConfig(steps=50, teleport_steps=[3])
    with pytest.raises(Broken, match=part):
        plane.descend(function, (1, 2), config)
    assert len(calls) == 1
    with pytest.raises(Broken, match=part):
        plane.teleport(function, (1, 2), 0.1, config)
    assert len(calls) == 2


def test_a_callback_that_gives_too_little_is_named():
    function = PlaneFunction(lambda p: 0.0, lambda p: [1.0], lambda p: p, lambda q: q)
    with pytest.raises(teleport.ShapeMismatchError, match="gave 1 numbers, but must give 2"):
        plane.descend(function, (1, 2))


def test_a_rotation_that_changes_the_value_is_not_made():
    # to_uv and from_uv are no inverses of each other here: the "rotation" leaves the level.
    function = PlaneFunction(lambda p: p @ p, lambda p: 2 * p, lambda p: p, lambda q: 1.5 * q)
    point, report = plane.teleport(function, (1, 2), 0.4)
    assert not report.accepted and report.outcome == "loss_changed"
    assert point.tolist() == [1, 2] and report.value_after == pytest.approx(2.25 * 5)


def test_zeros_are_the_defaults():
    zeros = PlaneConfig(steps=0, theta_steps=0, loss_tolerance=0, teleport_steps=[100])
    given = PlaneConfig(teleport_steps=[100])
    descents = [plane.descend(plane.booth(), (-1, -1), config) for config in (zeros, given)]
    assert len(descents[0].values) == 1001
    assert np.array_equal(descents[0].points, descents[1].points)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": -1},
        {"theta_steps": -1},
        {"learning_rate": -1.0},
        {"loss_tolerance": -1e-9},
        {"seed": -1},
    ],
    ids=str,
)
def test_wrong_configs_are_refused(change):
    with pytest.raises(teleport.InvalidArgumentError):
        plane.descend(plane.booth(), (1, 1), PlaneConfig(**change))


def test_wrong_points_are_refused():
    with pytest.raises(teleport.ShapeMismatchError):
        plane.descend(plane.booth(), (1, 1, 1))
    with pytest.raises(teleport.NotFiniteError):
        plane.descend(plane.booth(), (1, np.nan))
    with pytest.raises(teleport.NotFiniteError):
        plane.teleport(plane.booth(), (1, 1), np.inf)
