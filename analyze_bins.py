#!/usr/bin/env python
"""Scan a dataset's colours: python analyze_bins.py --window 10

The same as `python -m tfcolor analyze-bins`.
"""

import sys

from tfcolor.commands import analyze_bins
from tfcolor.utils import console

if __name__ == "__main__":
    sys.exit(console.run(analyze_bins.main))
