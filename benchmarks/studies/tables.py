"""Tables of results, on the terminal and as Markdown for the pages. No TensorFlow."""

from pathlib import Path

from benchmarks.studies.statistics import mean_and_half_width
from tfcolor.utils import console
from tfcolor.utils.files import replacing

Table = tuple[str, list[str], list[list[str]]]  # title, columns, rows


def markdown(title: str, columns: list[str], rows: list[list[str]]) -> str:
    """Return a table as Markdown, or its title alone if it has no rows."""
    if not rows:
        return f"**{title}**\n"
    lines = [f"**{title}**", "", columns, ["---"] * len(columns), *rows]
    return "\n".join(line if isinstance(line, str) else "| " + " | ".join(line) + " |" for line in lines) + "\n"


def show(tables: list[Table], path: Path) -> None:
    """Print tables, and write them to a Markdown file, completely or not at all."""
    for title, columns, rows in tables:
        if rows:
            console.print_table(title, columns, rows)
        else:
            print(title)
    with replacing(path) as file:
        file.write("\n".join(markdown(*table) for table in tables).encode())


def over_seeds(values: list[float], digits: int, sign: str = "") -> str:
    """Format a number: the only value, or the mean of several with its 95 % interval.

    Args:
        values: one for each seed.
        digits: decimal places.
        sign: '+' to show the sign of positive numbers.
    """
    if len(values) == 1:
        return f"{values[0]:{sign}.{digits}f}"
    mean, half = mean_and_half_width(values)
    return f"{mean:{sign}.{digits}f} ± {half:.{digits}f}"
