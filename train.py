#!/usr/bin/env python
"""Train a network to colour photographs: python train.py --dataset forest

The same as `python -m tfcolor train`.
"""

import sys

from tfcolor.commands import train
from tfcolor.utils import console

if __name__ == "__main__":
    sys.exit(console.run(train.main))
