"""Experiments whose results the documentation quotes: `python -m benchmarks.studies.<name>`."""

# The activations that are compared on MNIST, known without TensorFlow; the layers are in `mlp`.
MULTIPLIED = "times U(3, 8)"  # the companion text's own variant of RReLU
MNIST_ACTIVATIONS = ("ReLU", "LReLU(100)", "LReLU(5.5)", "PReLU", "ELU", "RReLU(3, 8)", MULTIPLIED)
