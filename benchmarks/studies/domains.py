"""What a system learns from faces alone, and from landscapes alone, each judged on both.

python -m benchmarks.studies.domains --dataset photos           do the missing runs, then report
python -m benchmarks.studies.domains --dataset photos report    report the saved results

Both runs take the same minutes and equally many training photographs. The report prints a table, and writes tables.md
and sheet.png into the output folder.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.studies.processes import file_name, run_in_processes
from benchmarks.studies.subset import linked, spread
from benchmarks.studies.systems import SYSTEMS, add_options, check, check_splits, known_options, training_of
from benchmarks.studies.systems_report import ACCURACY, VIVIDNESS, cells, rows_of_squares
from benchmarks.studies.tables import Table, show
from benchmarks.studies.training import trained
from tfcolor.data import datasets
from tfcolor.data.datasets import Dataset
from tfcolor.photographs.pixels import write_png
from tfcolor.training.options import TrainingOptions
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import make_folder, read_json, read_npz, write_json

DOMAINS = ("faces", "landscapes")
METRICS = {  # of the columns of the study of systems, and their titles here
    **{"raw AuC, %": "raw AuC, %", "PSNR, dB": "PSNR, dB", "CIEDE2000": "CIEDE2000"},
    "minus truth": "colourfulness minus that of the photographs",
}
ROWS = 3  # photographs of each domain on the sheet


@dataclass(frozen=True)
class DomainRun:
    """A run on one domain, and the file of its result.

    fingerprints: of the training photographs of both domains, on which judging depends, too.
    """

    domain: str
    system: str
    fingerprints: tuple[str, ...]
    minutes: float
    photos: int
    output: Path

    @property
    def path(self) -> Path:
        """Path of the result."""
        return self.output / f"{self.domain}.json"

    @property
    def settings(self) -> dict:
        """What the result depends on."""
        settings = {"study": "domains", "domain": self.domain, "system": self.system, "minutes": self.minutes}
        settings |= {"photos": self.photos, "fingerprints": list(self.fingerprints)}
        return settings | {"options": SYSTEMS[self.system]}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.studies.domains"
    add = parser.add_argument
    add("action", nargs="?", default="run", choices=("run", "report"), help="default: run")
    add("--system", default="pix2pix Lab", choices=tuple(SYSTEMS), help="the system (default: %(default)s)")
    add("--minutes", type=float, default=20.0, help="minutes of training for each run (default: 20)")
    add("--photos", type=int, default=150, help="test photographs of each domain, at most (default: 150)")
    starts = "how the paths of the {} begin, with commas between (default: %(default)s)"
    add("--faces", default="people/masks_,people/celebfaces_", help=starts.format("faces"))
    add("--landscapes", default="nature/intel_nature_,nature/weather_", help=starts.format("landscapes"))
    add_options(parser, "runs/domains")
    args = parser.parse_args(arguments)
    check(args)
    return args


def main(arguments: list[str] | None = None) -> None:
    """Do the missing runs, and report."""
    args = parse(arguments)
    make_folder(args.output)
    if args.action == "run":
        TrainingOptions.of(**known_options(SYSTEMS[args.system]))
        found = domains(args)
        fingerprints = tuple(dataset.split("train").fingerprint() for dataset in found.values())
        runs = [
            DomainRun(domain, args.system, fingerprints, args.minutes, args.photos, args.output) for domain in found
        ]
        run_in_processes("training", runs, args.workers, do, args.data_dir, all_cores=args.workers == 1)
    report(args.output)


def domains(args: argparse.Namespace) -> dict[str, Dataset]:
    """Make the two datasets, folders of links, with equally many training photographs."""
    dataset = datasets.find(args.dataset, args.data_dir)
    files = {}
    for domain in DOMAINS:
        starts = tuple(getattr(args, domain).split(","))
        files[domain] = tuple(file for file in dataset.files if file.startswith(starts))
        check_splits(Dataset(f"--{domain}", dataset.folder, files[domain]))
    splits = {domain: Dataset(domain, dataset.folder, chosen) for domain, chosen in files.items()}
    most = min(args.limit, *(len(each.split("train").files) for each in splits.values()))
    found = {}
    for domain, each in splits.items():
        others = [file for split in ("val", "test") for file in each.split(split).files]
        chosen = [*spread(each.split("train").files, most), *others]
        found[domain] = linked(dataset, chosen, args.output / "data" / domain)
    print(f"{most} training photographs of each")
    return found


def do(run: DomainRun, data_dir: str | None) -> str:
    """Train on one domain, measure on both, save pictures and write the result."""
    from benchmarks.studies.systems_measuring import describe, save_pictures

    folder, data = run.path.with_suffix(""), run.output / "data"
    model = trained(SYSTEMS[run.system] | {"dataset": data / run.domain, "minutes": run.minutes, "seed": 0}, folder)
    measured = {}
    make_folder(run.output / "pictures")
    for domain in DOMAINS:
        dataset = datasets.find(str(data / domain), data_dir)
        save_pictures(folder, dataset, pictures_path(run.output, run.domain, domain))
        measured[domain] = describe(folder, dataset, run.photos, data)
    write_json(run.path, run.settings | training_of(model) | {"judged": measured})
    own = next(iter(measured[run.domain]["measured"].values()))
    return f"raw AuC {own['raw_auc']:.2f} % on {run.domain}"


def pictures_path(output: Path, trained_on: str, shown: str) -> Path:
    """The file of one domain's photographs, coloured by a model trained on one domain."""
    return output / "pictures" / f"{file_name(trained_on)}-on-{file_name(shown)}.npz"


def report(folder: Path) -> None:
    """Print the table of the saved results; write it, and the sheet, into their folder.

    Raises:
        InputError: if a result is missing, or the two do not belong together.
    """
    missing = [domain for domain in DOMAINS if not (folder / f"{domain}.json").exists()]
    if missing:
        raise InputError(f"{folder} has no result for {missing[0]}; leave out `report` to make it")
    found = {domain: read_json(folder / f"{domain}.json") for domain in DOMAINS}
    first, second = found.values()
    if any(first[name] != second[name] for name in ("system", "minutes", "photos", "fingerprints")):
        raise InputError(f"the two results in {folder} were made with different settings; give another --output")
    show(tables(found), folder / "tables.md")
    write_png(folder / "sheet.png", rows_of_squares(columns(folder)))


def tables(found: dict[str, dict]) -> list[Table]:
    """For each metric, two rows of what was learned from and two columns of what it was judged on; and gray."""
    metrics = {
        domain: {judged: next(iter(each["measured"].values())) for judged, each in result["judged"].items()}
        for domain, result in found.items()
    }
    metrics["(gray pictures)"] = {judged: each["gray"] for judged, each in found[DOMAINS[0]]["judged"].items()}
    result = found[DOMAINS[0]]
    title = f"{result['system']}, {result['minutes']:g} minutes of training each"
    made = []
    for name, column in (ACCURACY | VIVIDNESS).items():
        if name in METRICS:
            rows = [[by, *(cells({name: column}, [each[on]])[0] for on in DOMAINS)] for by, each in metrics.items()]
            made.append((f"{title}: {METRICS[name]}", ["trained on", *(f"judged on {on}" for on in DOMAINS)], rows))
    return made


def columns(folder: Path) -> dict[str, np.ndarray]:
    """Truth, gray and what both models make of photographs of both domains, as `rows_of_squares` takes them."""
    arrays = {(by, shown): read_npz(pictures_path(folder, by, shown)) for by in DOMAINS for shown in DOMAINS}
    few = lambda squares: squares[:: max(1, len(squares) // ROWS)][:ROWS]  # noqa: E731
    pictures = lambda by, key: np.concatenate([few(arrays[by, shown][key]) for shown in DOMAINS])  # noqa: E731
    found = {name: pictures(DOMAINS[0], f"test/{name}") for name in ("truth", "gray")}
    return found | {f"from {by}": pictures(by, "test") for by in DOMAINS}


if __name__ == "__main__":
    sys.exit(console.run(main))
