"""Imports TensorFlow as the commands do: with their settings, and without what it prints."""

import os

from tfcolor.utils import console

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
console.load_tensorflow()
