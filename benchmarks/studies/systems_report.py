"""Tables and sheets of the study of systems, from its saved results alone. No TensorFlow."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.pictures import write_jpeg
from benchmarks.studies.processes import file_name
from benchmarks.studies.tables import Table, over_seeds, show
from tfcolor.photographs.pixels import write_png
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import read_json, read_npz
from tfcolor.utils.sheets import sheet

BAND, PAGE_WIDTH = 8, 840  # columns and pixels of the sheet for a page, on which more would be too small
Groups = dict[str, list[dict]]  # the results of a system's seeds, by its name


def report(folder: Path, order: list[str], pictures: Path | None = None) -> None:
    """Print tables of the saved results, and write `tables.md` and the sheet of test photographs beside them.

    Args:
        folder: folder of the results.
        order: names of the systems, in the order of the tables; systems without results are left out.
        pictures: file of a sheet of scikit-image's photographs, a JPEG; None for none.

    Raises:
        InputError: if there are no results, or they differ in time or photographs.
    """
    groups = results(folder, order)
    show([*colors_tables(groups), work_table(groups)], folder / "tables.md")
    saved = {name: folder / "pictures" / f"{file_name(name)}-{runs[0]['seed']}.npz" for name, runs in groups.items()}
    write_png(folder / "sheet.png", picture_sheet(saved, "test"))
    if pictures:
        write_jpeg(pictures, picture_sheet(saved, "samples", BAND), PAGE_WIDTH, quality=70)


def results(folder: Path, order: list[str]) -> Groups:
    """Read the results in a folder, by system."""
    found = [
        content for path in sorted(folder.glob("*.json")) if (content := read_json(path)).get("study") == "systems"
    ]
    if not found:
        raise InputError(f"{folder} has no result; leave out `report` to make them")
    for name in ("minutes", "fingerprint", "photographs"):
        if len({content[name] for content in found}) > 1:
            raise InputError(f"the results in {folder} differ in `{name}`, so that they cannot be compared")
    return {name: runs for name in order if (runs := [each for each in found if each["system"] == name])}


Column = tuple[Callable[[dict], float], int, str]  # from the metrics of a system, decimal places, sign
ACCURACY: dict[str, Column] = {
    "raw AuC, %": (lambda m: m["raw_auc"], 2, ""),
    "bounded AuC, %": (lambda m: m["bounded_auc"], 2, ""),
    "PSNR, dB": (lambda m: m["psnr"], 2, ""),
    "CIEDE2000": (lambda m: m["ciede2000"], 2, ""),
}
VIVIDNESS: dict[str, Column] = {
    "colourfulness": (lambda m: m["colourfulness"], 1, ""),
    "minus truth": (lambda m: m["colourfulness"] - m["true_colourfulness"], 1, "+"),
    "coloured, %": (lambda m: m["colored"], 1, ""),
    "brown, %": (lambda m: m["brown"], 1, ""),
    "minus truth, %": (lambda m: m["brown"] - m["true_brown"], 1, "+"),
}


def colors_tables(groups: Groups) -> list[Table]:
    """How near the colours are to the truth, and how vivid they are: rows for gray, and for each system and T."""
    first = next(iter(groups.values()))[0]
    entries = {"gray": [first["gray"]]}
    for name, runs in groups.items():
        for T in runs[0]["measured"]:
            entries[entry_name(name, T)] = [run["measured"][T] for run in runs]
    accuracy, vividness = (
        [[name, *cells(columns, metrics)] for name, metrics in entries.items()] for columns in (ACCURACY, VIVIDNESS)
    )
    truth = {name: f"{first['gray'][f'true_{name}']:.1f}" for name in ("colourfulness", "colored", "brown")}
    vividness.insert(0, ["truth", truth["colourfulness"], "", truth["colored"], truth["brown"], ""])
    title = f"{first['photographs']} test photographs, after {first['minutes']:g} minutes of training each"
    notes = "pixels with a chroma above 10, and those of them that are brown"
    return [
        (title, ["system", *ACCURACY], accuracy),
        (f"The same photographs: {notes}", ["system", *VIVIDNESS], vividness),
    ]


def entry_name(system: str, measured: str) -> str:
    """What the row of a system is called; `measured` is a key of `measured` as `systems_measuring.describe` has it."""
    if measured == "repainted":
        return f"{system}, its own lightness"
    return f"{system}, T = {measured}" if measured else system


def cells(columns: dict[str, Column], metrics: list[dict[str, float]]) -> list[str]:
    """The cells of a row; `metrics` has one entry for each seed."""
    return [over_seeds([compute(each) for each in metrics], digits, sign) for compute, digits, sign in columns.values()]


def work_table(groups: Groups) -> Table:
    """What the systems cost, and how much they have seen."""
    rows = []
    for name, runs in groups.items():
        mean = {key: float(np.mean([run[key] for run in runs])) for key in ("steps", "samples", "seconds_per_photo")}
        parameters, batch = f"{runs[0]['parameters'] / 1e3:,.0f} k", str(runs[0]["batch_size"])
        work = (f"{mean['steps']:,.0f}", f"{mean['samples']:,.0f}", f"{mean['seconds_per_photo']:.3f}")
        rows.append([name, parameters, batch, *work])
    columns = ["system", "parameters", "batch", "steps", "windows seen", "s a photograph"]
    return (
        "What they cost: parameters of the network that colours, and the median time of one photograph",
        columns,
        rows,
    )


def picture_sheet(saved: dict[str, Path], which: str, width: int | None = None) -> np.ndarray:
    """Lay out photographs in rows; the columns are truth, gray and systems.

    Args:
        saved: files of `systems_measuring.save_pictures` by system.
        which: 'test' or 'samples'.
        width: columns, at most; the others follow in rows below, each time beside the truth. None for no limit.

    Returns:
        uint8 [H, W, 3].
    """
    columns: dict[str, np.ndarray] = {}
    for name, path in saved.items():
        arrays = read_npz(path)
        columns |= {} if columns else {"truth": arrays[f"{which}/truth"], "gray": arrays[f"{which}/gray"]}
        columns[name] = arrays[which]
    truth, others = columns["truth"], [name for name in columns if name != "truth"]
    step = width - 1 if width else len(others)
    bands = [others[start : start + step] for start in range(0, len(others), step)]
    sheets = [rows_of_squares({"truth": truth} | {name: columns[name] for name in band}) for band in bands]
    widest = max(each.shape[1] for each in sheets)
    padding = [((0, 0), (0, widest - each.shape[1]), (0, 0)) for each in sheets]
    return np.concatenate([np.pad(*each, constant_values=255) for each in zip(sheets, padding, strict=True)])


def rows_of_squares(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Lay out columns of squares, uint8 [N, S, S, 3] by caption, with captions above the first row alone."""
    rows = range(len(next(iter(columns.values()))))
    return sheet([[("" if row else name, squares[row]) for name, squares in columns.items()] for row in rows])
