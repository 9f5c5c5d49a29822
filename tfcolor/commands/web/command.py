"""A page in the browser that colours photographs: python -m tfcolor web

It opens at http://127.0.0.1:7860 and is for this machine alone, unless --host is given. Ctrl-C ends it.
"""

import argparse
import importlib.util
import os
import sys

from tfcolor.utils import console
from tfcolor.utils.errors import InputError, WorkError

_LOCAL = "127.0.0.1"
_USER = "tfcolor"  # the name to log in with


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    add = parser.add_argument
    add("--port", type=int, default=7860, help="port of the page (default: 7860)")
    add("--host", help=f"address to listen on, such as 0.0.0.0 for all; needs --password (default: {_LOCAL})")
    add("--password", help=f"password of the page; the user is {_USER}")
    add("--max-megapixels", type=float, default=50, metavar="N", help="refuse larger pictures (default: 50)")
    add("--max-megabytes", type=int, default=100, metavar="N", help="refuse larger files (default: 100)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Serve the page until it is stopped."""
    args = parse(arguments)
    check(args)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # nothing leaves this machine
    console.load_tensorflow()
    from tfcolor.commands.web.serving import serve
    from tfcolor.models.directory import describe_shipped_models

    print("loading the model", file=sys.stderr)
    try:
        serve(
            args.host or _LOCAL,
            args.port,
            (_USER, args.password) if args.password else None,
            round(args.max_megapixels * 1e6),
            args.max_megabytes,
            describe_shipped_models(),
        )
    except OSError as error:
        raise WorkError(f"port {args.port} is taken; give another --port") from error


def check(args: argparse.Namespace) -> None:
    """Raise InputError for wrong arguments."""
    if args.host and args.host != _LOCAL and not args.password:
        raise InputError("--host lets other machines in, so it needs --password")
    if not 1 <= args.port <= 65535:
        raise InputError(f"--port must be in [1, 65535], got {args.port}")
    if not 0 < args.max_megapixels <= 300:
        raise InputError(f"--max-megapixels must be above 0 and at most 300, got {args.max_megapixels:g}")
    if args.max_megabytes < 1:
        raise InputError(f"--max-megabytes must be at least 1, got {args.max_megabytes}")
    if args.password is not None and not args.password:
        raise InputError("--password is empty; give one, or leave it out")
    if importlib.util.find_spec("gradio") is None:
        raise InputError("Gradio is not installed: pip install -r requirements-web.txt")
