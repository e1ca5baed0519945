"""Distance over gradients where squares of floats are no floats."""

import numpy as np
import pytest

import teleport


@pytest.mark.parametrize("size", [1e15, 1e25, 1e37])
@pytest.mark.parametrize("layerwise", [True, False])
def test_large_gradients_leave_a_checkpoint_that_loads(size, layerwise, tmp_path):
    model = teleport.Model([3, 5, 2], seed=1)
    trainer = teleport.Trainer(model, optimizer="dog", dog_layerwise=layerwise)
    count = model.parameter_count
    for step in range(3):
        gradient = np.full(count, size * (step + 1), np.float32)
        before = model.get_parameters()
        try:
            trainer.apply_gradient(gradient)
        except teleport.NotFiniteError:
            assert np.array_equal(model.get_parameters(), before)
        assert np.isfinite(model.get_parameters()).all()
    path = tmp_path / "dog.safetensors"
    trainer.save(path)
    assert teleport.Trainer.load(path).step_count == trainer.step_count
