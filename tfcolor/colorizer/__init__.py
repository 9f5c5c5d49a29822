"""Colouring with a trained network. Importing this package imports TensorFlow; no other package does."""

from tfcolor.colorizer.colorizer import Colorizer

__all__ = ["Colorizer"]
