"""Activations and convolutions of the networks. They use TensorFlow and nothing else of tfcolor."""

# Known without an import of TensorFlow; the functions are in `activations` and `rrelu`.
ACTIVATION_NAMES = ("relu", "lrelu", "prelu", "elu", "rrelu")
