"""The library beside NumPy, which brings an OpenBLAS of its own with threads of its own."""

import threading

import numpy as np

import teleport


def test_library_and_numpy_compute_at_once_as_they_do_alone():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(256, 300)).astype(np.float32)
    a = generator.normal(size=(400, 400))
    model = teleport.Model([300, 256, 64, 10], seed=1)
    outputs, product = model.predict(x), a @ a
    wrong = []

    def predict():
        for _ in range(40):
            if not np.array_equal(model.predict(x), outputs):
                wrong.append("model")

    def multiply():
        for _ in range(40):
            # NumPy's own result depends on how many threads its OpenBLAS finds free.
            if not np.allclose(a @ a, product, rtol=1e-12, atol=1e-9):
                wrong.append("numpy")

    threads = [threading.Thread(target=work) for work in (predict, multiply) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert np.array_equal(model.predict(x), outputs) and np.allclose(a @ a, product, rtol=1e-12, atol=1e-9)
