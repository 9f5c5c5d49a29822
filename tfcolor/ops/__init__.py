"""Activation operations of the networks: TensorFlow alone, nothing of tfcolor."""

# Known without TensorFlow; the functions are in `ops.activations` and `ops.rrelu`.
ACTIVATION_NAMES = ("relu", "lrelu", "prelu", "elu", "rrelu")
