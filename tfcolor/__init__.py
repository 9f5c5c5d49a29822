"""tfcolor: image colorization by classification, in TensorFlow's low-level operations.

Importing this package imports nothing else, so that the scripts can answer `--help` and
usage errors before TensorFlow (three to five seconds) is loaded.
"""

__version__ = "0.1.0"
DEFAULT_MODEL = "zhang-outdoor"  # of those in tfcolor/models
