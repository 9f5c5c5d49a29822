"""The modules at the top of the repository pass on those of tfcolor, and nothing else."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ops
import tfcolor.ops


@pytest.mark.parametrize("name", ["activations", "convolution", "rrelu"])
def test_both_names_give_the_same_objects(name):
    short, full = importlib.import_module(f"ops.{name}"), importlib.import_module(f"tfcolor.ops.{name}")
    public = {key for key, value in vars(full).items() if not key.startswith("_") and not isinstance(value, ModuleType)}
    assert set(short.__all__) == public
    assert all(getattr(short, key) is getattr(full, key) for key in public)


def test_activations_are_known_without_tensorflow():
    assert ops.ACTIVATION_NAMES is tfcolor.ops.ACTIVATION_NAMES
    assert ops.ACTIVATION_NAMES == ("relu", "lrelu", "prelu", "elu", "rrelu")
    code = "import sys, ops; assert ops.ACTIVATION_NAMES and 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)
