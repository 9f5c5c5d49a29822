"""The options of a run on photographs. No TensorFlow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunOptions:
    """The options of a run on photographs; the fields mean what they mean in `train.py`, `batch` is its batch size.

    Large windows are cheap: the network computes 64x64 pixels and colours 48x48 of them.
    """

    activation: str = "relu"
    batch_norm: bool = False
    encoding: str = "soft"
    uniform_share: float = 0.5
    window: int = 10
    min_count: int = 1
    patch: int = 64
    batch: int = 4
    learning_rate: float = 1e-3
    weight_average: float = 0.0
