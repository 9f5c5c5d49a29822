"""What is not needed is not imported: that is most of the time until the first coloured pixel."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"tensorflow", "matplotlib", "scipy", "skimage", "rich"}

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("from tfcolor.commands import colorize; colorize.parse([])", {"numpy", "PIL", "tensorflow", "rich"}),
        (
            "from tfcolor.commands import train; train.parse([])",
            {"tensorflow", "matplotlib", "scipy", "skimage", "rich"},
        ),
        (
            "from tfcolor.commands import analyze_bins; analyze_bins.parse([])",
            {"tensorflow", "matplotlib", "scipy", "skimage", "rich"},
        ),
        ("import tfcolor.colorizer", {"skimage", "tfcolor.plots", "tfcolor.encoding"}),
    ],
)
def test_imports(statement, absent):
    code = f"import sys; {statement}; print(*sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not absent & set(process.stdout.split())
