"""Find photographs in folders by their names. Nothing is opened here.

`os.path` returns False where `pathlib` would raise: for paths that are too long, closed folders, and links that form a
circle.
"""
# ruff: noqa: PTH112, PTH113

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path, PurePath

from tfcolor.photographs.formats import is_image_name


def _raise(error: OSError) -> None:
    raise error


def find_images(
    folder: Path,
    recursive: bool = True,
    only_files: bool = False,
    excluded: Path | None = None,
    named: Callable[[str], bool] = is_image_name,
    on_unreadable: Callable[[OSError], None] = _raise,
) -> list[str]:
    """List what has a photograph's name, or another wanted one, in a folder.

    Links to folders are followed. Each real folder is read once, however many links lead to it, and by its own path
    if that is below `folder`; so links that form a circle do no harm. Hidden files and folders are left out.

    Args:
        folder: the folder to search.
        recursive: whether subfolders are searched, to any depth.
        only_files: whether everything except regular files and links to them is left out. Otherwise pipes, links that
            lead nowhere and, unless they are searched, folders are listed by their names, too.
        excluded: a folder that is not searched, nor anything below it, unless `folder` itself lies there.
        named: tells by its name whether a file is wanted; photographs by default.
        on_unreadable: called with the error of a folder that cannot be read; its `filename` is the folder. The default
            raises the error.

    Returns:
        POSIX paths relative to `folder`, sorted.
    """
    found: list[str] = []
    top = PurePath(os.path.realpath(folder))
    closed = PurePath(os.path.realpath(excluded)) if excluded else None
    if closed and top.is_relative_to(closed):
        closed = None
    seen = set(top.parents)  # a link to one of them leads in a circle, too
    waiting = deque([""])  # prefixes of relative paths; links to folders come last
    while waiting:
        prefix = waiting.popleft()
        place = Path(folder, prefix)
        real = PurePath(os.path.realpath(place))
        if real in seen or (closed and real.is_relative_to(closed)):
            continue
        seen.add(real)
        for entry in _visible(place, on_unreadable):
            is_link = entry.is_symlink()
            # `entry.is_dir()` raises for a link to itself.
            is_folder = os.path.isdir(entry.path) if is_link else entry.is_dir()
            if is_folder and recursive:
                (waiting.append if is_link else waiting.appendleft)(f"{prefix}{entry.name}/")
            elif named(entry.name):
                is_file = os.path.isfile(entry.path) if is_link else entry.is_file()
                if is_file or not only_files:
                    found.append(prefix + entry.name)
    return sorted(found)


def _visible(folder: Path, on_unreadable: Callable[[OSError], None]) -> list[os.DirEntry]:
    """The entries of a folder that are not hidden, by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        on_unreadable(error)
        return []
