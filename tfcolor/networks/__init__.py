"""Networks by name: lightness in, one logit per colour bin and pixel out.

A network `name` is the class in `tfcolor/networks/<name>.py`, a `layers.Network` with
  `context`   the pixels that it needs around each coloured one;
  `weights`   dict of name -> float32 variable that training improves, in a fixed order;
  `statistics`  likewise, what training only averages;  `saved`  both;
  `__call__`  lightness float32 [B, H, W, 1] in [0, 100] -> ab_logits float32 [B, h, w, Q]; in training
              with a `layers.TrainingPass` as its second argument.
"""

import importlib

NETWORKS = {"valid8": "Valid8"}  # names are known before TensorFlow is imported


def network_class(name: str) -> type:
    """The class of a network named in `NETWORKS`; imports TensorFlow."""
    return getattr(importlib.import_module(f"tfcolor.networks.{name}"), NETWORKS[name])
