"""Networks by name: lightness in, one logit per colour bin and pixel out, or for regression the colour itself.

A network `name` is the class in `tfcolor/networks/<name>.py`, a `layers.Network` with
  `context`   the pixels that it needs around each coloured one, and uses up;
  `stride`    pixels of its input, on either axis, for each of its output;
  `weights`   dict of name -> float32 variable that training improves, in a fixed order;
  `statistics`  likewise, what training only averages;  `saved`  both;
  `objective`  'classification' or 'regression';
  `__call__`  lightness float32 [B, H, W, 1] in [0, 100] -> ab_logits float32 [B, h, w, Q], or
              ab float32 [B, h, w, 2] in ab units; in training with a `layers.TrainingPass` as its second argument.
"""

import importlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What is known of a network before TensorFlow is imported.

    class_name: in its module.
    arguments: of its constructor that are options of training, beside the number of bins.
    patch: side in pixels of the windows it is trained on where no other is given.
    smallest_patch: that it can be trained on.
    multiple: of which the windows' side must be one.
    """

    class_name: str
    arguments: tuple[str, ...]
    patch: int
    smallest_patch: int
    multiple: int = 1


NETWORKS = {
    "valid8": Kind("Valid8", ("activation", "batch_norm"), patch=32, smallest_patch=17),
    "zhang": Kind("Zhang", ("activation", "width", "objective"), patch=176, smallest_patch=32, multiple=8),
}


def network_class(name: str) -> type:
    """The class of a network named in `NETWORKS`; imports TensorFlow."""
    return getattr(importlib.import_module(f"tfcolor.networks.{name}"), NETWORKS[name].class_name)
