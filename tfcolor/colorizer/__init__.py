"""Colouring with a trained network. Importing this package imports TensorFlow; importing another package does not."""

from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.routed import RoutedColorizer, load_colorizer

__all__ = ["Colorizer", "RoutedColorizer", "load_colorizer"]
