"""Experiments whose results the documentation quotes: `python -m tfcolor.studies.<name>`."""

# What is compared on MNIST, known without TensorFlow; the layers are in `studies.mlp`.
MULTIPLIED = "times U(3, 8)"  # the companion text's own variant of RReLU
MNIST_ACTIVATIONS = ("ReLU", "LReLU(100)", "LReLU(5.5)", "PReLU", "ELU", "RReLU(3, 8)", MULTIPLIED)
