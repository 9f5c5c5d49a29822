"""Activation operations of the networks: TensorFlow alone, nothing of tfcolor."""

ACTIVATION_NAMES = ("relu",)  # known without TensorFlow; the functions are in `ops.activations`
