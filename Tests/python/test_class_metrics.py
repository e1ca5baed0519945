"""Precision, recall and F1 of each class, against sums over the samples."""

import ctypes

import numpy as np
import pytest

import teleport
from teleport import Dataset, Model


def expected(labels, predicted, classes):
    """From the definitions; NaN where nothing is divided by nothing."""
    rows = []
    for index in range(classes):
        hits = np.sum((labels == index) & (predicted == index))
        told, there = np.sum(predicted == index), np.sum(labels == index)
        with np.errstate(invalid="ignore"):
            rows.append([hits / told, hits / there, 2 * hits / (told + there)])
    return np.array(rows).T


def test_class_metrics_are_those_of_the_predictions(blobs, blob_set):
    x, labels = blobs
    model = Model([12, 16, 4], seed=6)
    teleport.Trainer(model, learning_rate=0.1).run(blob_set, epochs=2)
    told = model.class_metrics(blob_set)
    precision, recall, f1 = expected(labels, model.predict_labels(x), 4)
    # Quotients of whole numbers in double.
    assert np.array_equal(told.precision, precision)
    assert np.array_equal(told.recall, recall)
    assert np.array_equal(told.f1, f1)
    assert np.array_equal(told.confusion, model.confusion_matrix(blob_set))
    assert np.array_equal(told.support, np.bincount(labels, minlength=4))
    assert told.macro_f1 == pytest.approx(f1.mean()) and told.macro_f1 > 0.5


def test_a_class_that_is_never_told_or_never_there_has_no_number(rng):
    x = rng.normal(size=(20, 3)).astype(np.float32)
    model = Model([3, 4], seed=1)
    model.set_layer(0, np.zeros((4, 3)), [0, 5, 0, 0])  # always class 1
    labels = np.array([0, 1] * 10, np.int32)
    told = model.class_metrics(Dataset.from_labels(x, labels, class_count=3))
    nan = np.nan
    assert np.array_equal(told.precision, [nan, 0.5, nan, nan], equal_nan=True)
    assert np.array_equal(told.recall, [0, 1, nan, nan], equal_nan=True)
    assert np.array_equal(told.f1, [0, 2 / 3, nan, nan], equal_nan=True)
    # Over the classes that have one.
    assert told.macro_precision == 0.5 and told.macro_recall == 0.5
    assert told.macro_f1 == pytest.approx(1 / 3)


def test_a_matrix_that_counts_nothing_is_refused():
    counts = np.array([[1, 2], [-1, 3]], np.int64)
    numbers = np.full(2, 7.0)
    address = numbers.ctypes.data
    lib, invalid = teleport._library.lib, teleport.Status.INVALID_ARGUMENT
    call = lib.tp_confusion_metrics
    assert call(counts.ctypes.data, 2, address, None, None, 2) == invalid
    assert b"-1" in lib.tp_error_message()
    assert call(None, 2, address, None, None, 2) == invalid
    assert call(counts.ctypes.data, 0, address, None, None, 2) == invalid
    assert call(counts.ctypes.data, ctypes.c_size_t(-1).value, address, None, None, 2) < 0
    counts[1, 0] = 1
    small = teleport.Status.BUFFER_TOO_SMALL
    assert call(counts.ctypes.data, 2, address, None, None, 1) == small
    assert np.all(numbers == 7)
    assert call(counts.ctypes.data, 2, address, None, None, 2) == teleport.Status.OK
    assert numbers == pytest.approx([1 / 2, 3 / 5])
