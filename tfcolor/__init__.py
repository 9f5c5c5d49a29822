"""tfcolor: image colorization by classification, written in low-level TensorFlow.

Importing this package imports nothing else. So the scripts answer `--help` and usage errors before they load
TensorFlow, which takes three to five seconds.
"""

__version__ = "0.2.0"
DEFAULT_MODEL = "general"  # one of the folders in tfcolor/models
