"""The table of docs/performance.md, from the results in benchmarks/results.

python -m benchmarks.page

It takes every row with a bar, and the rates in `SHOWN`. No TensorFlow.
"""

import re
import sys
from pathlib import Path

from benchmarks.__main__ import APART, FAULTS, PARTS
from benchmarks.measure import RESULTS, ROOT
from tfcolor.utils import console
from tfcolor.utils.files import read_json, replacing

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- table: python -m benchmarks.page -->\n", "<!-- end of the table -->\n"
# Rows without a bar that are worth knowing, by part.
SHOWN = {
    "scan": ("scan",),
    "train": ("step",),
    "predict": ("predict.py, 500 files of 256x256", "predict.py, 24 megapixels, as a process"),
    "unet": ("forward, bfloat16", "training step, encoder tuned"),
    "zhang": ("forward, bfloat16",),
    "pix2pix": ("training step",),
    "films": ("film, from file to file",),
    "cluster": ("scheduler and client",),
}
_LARGE = 100  # numbers from here on are shown without decimal places


def main() -> None:
    """Write the table into the page."""
    text = PAGE.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    with replacing(PAGE) as file:
        file.write((before + BEGIN + table(RESULTS) + END + after).encode())


def table(folder: Path) -> str:
    """Return the table of the results in a folder, as Markdown."""
    lines = ["| part | | median | lowest ... highest | aim | met |", "|---|---|---|---|---|---|"]
    for part in (*PARTS, *(part for part in APART if part != "growth"), FAULTS):
        path = folder / f"{part}.json"
        rows = read_json(path)["rows"] if path.exists() else []
        chosen = [row for row in rows if row["bar"] or row["name"] in SHOWN.get(part, ())]
        if part == FAULTS:  # 35 rows of zeros would hide the others
            chosen = [row for row in rows if not row["holds"] and row["bar"]]
        lines += [_line(part, row) for row in chosen]
    return "\n".join(lines) + "\n"


def _line(part: str, row: dict) -> str:
    aim = re.sub(r"^>= ", "≥ ", row["bar"] or "")
    needs = row.get("needs")  # as /proc/cpuinfo calls it
    met = {True: "yes", False: "**no**", None: f"needs `{needs}`" if needs else ""}[row["holds"]]
    spread = "" if row["low"] == row["high"] else f"{number(row['low'])} ... {number(row['high'])}"
    return f"| `{part}` | {row['name']} | {number(row['value'])} {row['unit']} | {spread} | {aim} | {met} |"


def number(value: float) -> str:
    """Format a number with three digits, or all of them before the point."""
    return f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(console.run(main))
