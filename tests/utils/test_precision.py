"""How to compute: bfloat16 only where it is measured faster, XLA by device."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.utils import precision
from tfcolor.utils.precision import bfloat16_gain


@pytest.fixture(autouse=True)
def measured(monkeypatch):
    """Measure here, unlike in the other tests."""
    monkeypatch.setattr(precision, "bfloat16_gain", bfloat16_gain)


def never():
    raise AssertionError("nothing was to be measured")


@pytest.mark.parametrize(
    ("gain", "dtype"), [(8.0, tf.bfloat16), (1.5, tf.bfloat16), (1.2, tf.float32), (0.3, tf.float32)]
)
def test_auto_goes_by_the_measured_gain(gain, dtype):
    assert precision.choose("auto", lambda: gain) == dtype


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_what_is_asked_for_needs_no_measurement(name):
    assert precision.choose(name, never) == tf.as_dtype(name)


def test_other_precisions_are_refused():
    with pytest.raises(ValueError, match="`precision` must be auto, float32 or bfloat16, got 'float16'"):
        precision.choose("float16", never)


@pytest.mark.parametrize("training", [False, True])
def test_the_gain_is_a_ratio_of_times(monkeypatch, training):
    assert 0 < precision.bfloat16_gain(training) < np.inf
    now = 0.0

    def probe(x, filters, with_gradients):
        nonlocal now
        assert with_gradients == training
        now += 9 if x.dtype == tf.float32 else 3

    monkeypatch.setattr(precision, "_probe", probe)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now)
    assert precision.bfloat16_gain(training) == 3


def test_one_disturbed_measurement_does_not_choose_bfloat16(monkeypatch):
    gains = iter([7.0, 0.9])
    monkeypatch.setattr(precision, "_measured_gain", lambda training: next(gains))
    assert precision.choose("auto", lambda: precision.bfloat16_gain(False)) == tf.float32


@pytest.mark.parametrize(("devices", "expected"), [([], False), (["GPU"], True)])
def test_xla_is_for_gpus_and_can_be_forced(monkeypatch, devices, expected):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: devices)
    assert precision.use_xla("auto") == expected
    assert precision.use_xla("on") and not precision.use_xla("off")
    with pytest.raises(ValueError, match="`xla` must be auto, on or off, got 'yes'"):
        precision.use_xla("yes")
