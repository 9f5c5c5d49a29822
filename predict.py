#!/usr/bin/env python
"""Colour photographs: python predict.py --T 0.38 photo.jpg

The same as `python -m tfcolor colorize`.
"""

import sys

from tfcolor.commands import colorize
from tfcolor.utils import console

if __name__ == "__main__":
    sys.exit(console.run(colorize.main))
