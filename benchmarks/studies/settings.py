"""What a run on photographs is made of. No TensorFlow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """What a run on photographs is made of; the fields mean what they mean in `train.py`.

    Large windows are cheap: of 64x64 pixels that the network pays for, it colours 48x48.
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
