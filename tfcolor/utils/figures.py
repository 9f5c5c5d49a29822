"""Figures as files."""

import warnings
from pathlib import Path

from matplotlib.figure import Figure

from tfcolor.utils.files import replacing


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, completely or not at all."""
    with replacing(path) as file, warnings.catch_warnings():
        # The font may lack letters of a dataset's name; they appear as boxes.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        figure.savefig(file, format="png", dpi=120)
