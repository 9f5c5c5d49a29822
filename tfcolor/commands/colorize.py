"""Colour photographs and films: python predict.py photo.jpg"""

import sys
import time
from pathlib import Path

from tfcolor.color.decoding_options import Decoding
from tfcolor.commands.colorize_options import check_cluster, check_ranges, outputs_of, parse, pixel_of, tile_size
from tfcolor.utils import console
from tfcolor.utils.errors import InputError


def main(arguments=None):
    """Check all that needs no TensorFlow, then colour."""
    args = parse(arguments)
    # Slow imports come after `--help`.
    from tfcolor.commands import worklist
    from tfcolor.commands.coloring import Coloring
    from tfcolor.commands.first_page import FirstPage
    from tfcolor.commands.hint_files import find_hints
    from tfcolor.models.directory import describe_shipped_models, find_model
    from tfcolor.models.routed import RoutedInfo, read_any_info
    from tfcolor.utils.files import check_folder, make_folder

    if args.list_models:
        for name, description in describe_shipped_models().items():
            print(f"{name}: {description}")
        return None
    check_ranges(args)
    check_cluster(args)
    tile, outputs, folder = tile_size(args.tile), outputs_of(args), Path(args.output)
    point = pixel_of("--suggest", args.suggest)
    if (outputs.are_looks or outputs.compare) and (args.hint or args.hints or point):
        raise InputError("hints go with results; give them without --compare, --sweep, --candidates and --explain")
    given = {name: getattr(args, name) for name in ("temperature", "uniform_share", "strength", "smoothing")}
    Decoding().replace(**given)  # reports values out of range before anything is read
    info = read_any_info(find_model(args.model))
    asked = {name: getattr(args, name) for name in ("temperature", "uniform_share", "sweep", "explain")}
    asked |= {"hint": args.hint or None, "hints": args.hints, "suggest": args.suggest}
    info.check_predicts_distribution(asked | {"candidates": args.candidates or None})
    if args.repaint and not info.gives_lightness:
        raise InputError("--repaint is for models that paint red, green and blue (train.py --space rgb); leave it out")
    if args.repaint and args.smoothing:
        raise InputError("give --repaint or --chroma-smoothing, not both: colours are repainted as they are")
    coloring = Coloring.of(args, tile, outputs, info.decoding.replace(**given))
    existing = "skip" if args.resume else "replace" if args.overwrite or point else "refuse"
    work = worklist.find(args.inputs, folder, outputs, args.recursive, console.shard_of(args.shard), existing)
    hints = find_hints(args.hint, args.hints, work.found)
    photographs, films, why_no_films = divided(work.jobs, args, isinstance(info, RoutedInfo))
    check_folder(folder)
    if why_no_films:
        print(f"note: films are left out: {why_no_films}", file=sys.stderr)
    for path, reason in work.failures:
        print(f"cannot colour {console.shown(path)}: {console.shown(reason)}", file=sys.stderr)
    if point:
        from tfcolor.commands.suggestions import print_suggestions

        failed = print_suggestions(
            coloring.model.load(), photographs, hints, point, coloring.decoding, coloring.max_pixels
        )
        return 1 if failed or work.failures else 0
    if args.cluster:
        from tfcolor.commands.colorize_cluster import colorize_on_cluster

        make_folder(folder)
        started = time.perf_counter()
        report = colorize_on_cluster(args.cluster, coloring, photographs, films, hints)
    else:
        first_job = [] if outputs.are_looks else photographs[:1]
        with FirstPage(first_job, coloring.max_pixels, outputs.compare) as first:
            console.load_tensorflow()
            colorizer = coloring.model.load()
            make_folder(folder)
            started = time.perf_counter()
            report = coloring.color(colorizer, photographs, films, hints, first)
    failed = len(report.failed) + len(work.failures)
    print(summary(report, bool(films), work.skipped, failed, time.perf_counter() - started, folder))
    return 1 if failed else 0


def divided(jobs, args, is_routed):
    """Divide jobs into photographs and films; also say why films are left out with these options, or None."""
    films = [job for job in jobs if job.is_film]
    photographs = [job for job in jobs if not job.is_film]
    reasons = {
        "a routed model has several distributions, and films need one; give a specialist as --model": is_routed,
        "--repaint is for photographs; films keep their lightness": args.repaint,
        "--suggest is for photographs": args.suggest,
        "sheets, candidates and plots are for photographs": args.sweep or args.candidates or args.explain,
        "--compare is for photographs": args.compare,
    }
    reason = next((reason for reason, holds in reasons.items() if films and holds), None)
    if reason and not photographs:
        raise InputError(f"{console.shown(films[0].source)} is a film: {reason}")
    return photographs, [] if reason else films, reason


def summary(report, has_films, skipped, failed, seconds, folder):
    """A line about all photographs and films."""
    count, films, parts = len(report.colored), len(report.films), []
    if count or not has_films:
        photographs = "photograph" if count == 1 else "photographs"
        parts.append(f"{count} {photographs}, {report.num_pixels / 1e6:.1f} megapixels, ")
    if has_films:
        parts.append(f"{films} {'film' if films == 1 else 'films'}, {report.num_frames:,} frames, ")
    line = f"{'and '.join(parts)}coloured in {seconds:.1f} s: {console.shown(folder)}"
    line += f"; {skipped} skipped, their results exist" if skipped else ""
    return line + (f"; {failed} failed" if failed else "")
