"""Colouring with a trained network. Importing this package imports TensorFlow; importing another package does not."""

from tfcolor.colorizer.colorizer import Colorizer

__all__ = ["Colorizer"]
