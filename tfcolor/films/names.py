"""Names of films, and of their results. Nothing is opened here."""

from tfcolor.photographs.formats import suffix_of

# FFmpeg's names of the containers that results can have, by suffix.
CONTAINERS = {
    **dict.fromkeys((".mp4", ".m4v"), "mp4"),
    **{".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi", ".3gp": "3gp"},
    **dict.fromkeys((".ts", ".mts", ".m2ts"), "mpegts"),
}
# Films that are read and never written: their results are Matroska files.
_READ_ONLY = (".mpg", ".mpeg", ".wmv", ".ogv", ".flv", ".vob", ".asf", ".mxf", ".dv")
SUFFIXES = (*CONTAINERS, *_READ_ONLY)


def is_film_name(name: str) -> bool:
    """Tell whether a file name has a film's suffix, in upper or lower case."""
    return suffix_of(name) in SUFFIXES


def film_result_name(name: str) -> str:
    """Name the coloured film: the same name, or `.mkv` appended if its container is never written."""
    return name if suffix_of(name) in CONTAINERS else f"{name}.mkv"
