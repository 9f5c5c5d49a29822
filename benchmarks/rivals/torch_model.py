"""The networks in PyTorch on a CPU, with a training step and prediction."""

import numpy as np
import tensorflow as tf
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tfcolor.color.bins import Bins
from tfcolor.networks.layers import NORM_EPSILON
from tfcolor.networks.zhang import BLOCKS
from tfcolor.objectives.objective import CLIP_NORM
from tfcolor.training.optimizers import BETA1, BETA2, EPSILON


class Valid8(nn.Module):
    """A copy of a tfcolor `Valid8` with relu, with or without batch normalization."""

    def __init__(self, network: tf.Module, *, channels_last: bool = False, bfloat16: bool = False):
        """Copy the weights, and the averages of normalization.

        Args:
            network: a `tfcolor.networks.valid8.Valid8` with relu.
            channels_last: whether tensors lie in memory as [B, H, W, C] rather than [B, C, H, W].
            bfloat16: whether to convolve in bfloat16; parameters and logits stay float32.
        """
        super().__init__()
        self.context = network.context
        self._bfloat16 = bfloat16
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        arrays = {name: torch.tensor(variable.numpy()) for name, variable in network.saved.items()}
        layers: list[nn.Module] = []
        for k in range(1, network.num_layers + 1):
            layers.append(_convolution(arrays, f"conv{k}"))
            if f"conv{k}/scale" in arrays:
                layers.append(_normalization(arrays, f"conv{k}"))
            if k < network.num_layers:
                layers.append(nn.ReLU(inplace=True))
        self.layers = nn.Sequential(*layers)
        self.to(memory_format=self._memory_format)

    def for_prediction(self) -> "Valid8":
        """Fold normalization into the convolutions, as tfcolor does too; returns the model itself."""
        layers: list[nn.Module] = []
        for layer in self.eval().layers:
            if isinstance(layer, nn.BatchNorm2d):
                layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
            else:
                layers.append(layer)
        self.layers = nn.Sequential(*layers)
        return self.to(memory_format=self._memory_format)

    def forward(self, lightness: torch.Tensor) -> torch.Tensor:
        """Predict the colour of each pixel that has its whole context.

        Args:
            lightness: float32 [B, H, W, 1], L* in [0, 100]; H and W at least 17.

        Returns:
            ab_logits, float32 [B, Q, H-16, W-16].
        """
        x = (lightness / 50 - 1).permute(0, 3, 1, 2)  # [B, 1, H, W], [-1, 1]
        x = x.contiguous(memory_format=self._memory_format)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._bfloat16):
            return self.layers(x).float()


class Zhang(nn.Module):
    """A copy of a tfcolor `Zhang` with relu."""

    def __init__(self, network: tf.Module, *, channels_last: bool = False, bfloat16: bool = False):
        """Copy the weights and the averages of normalization.

        Args:
            network: a `tfcolor.networks.zhang.Zhang` with relu.
            channels_last, bfloat16: see `Valid8`.
        """
        super().__init__()
        self._bfloat16 = bfloat16
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        arrays = {name: torch.tensor(variable.numpy()) for name, variable in network.saved.items()}
        layers: list[nn.Module] = []
        for block, (_, depth, stride, dilation) in BLOCKS.items():
            layers += [nn.Upsample(scale_factor=2)] if block == "conv8" else []
            for k in range(1, depth + 1):
                geometry = {"stride": stride if k == depth else 1, "dilation": dilation, "padding": dilation}
                layers += [_convolution(arrays, f"{block}_{k}", **geometry), nn.ReLU(inplace=True)]
            layers.append(_normalization(arrays, block))
        self.layers = nn.Sequential(*layers, _convolution(arrays, "logits"))
        self.to(memory_format=self._memory_format)

    def forward(self, lightness: torch.Tensor) -> torch.Tensor:
        """Predict the colour of each block of 4x4 pixels.

        Args:
            lightness: float32 [B, H, W, 1], L* in [0, 100]; H and W multiples of 8.

        Returns:
            ab_logits, float32 [B, Q, H/4, W/4].
        """
        x = (lightness / 50 - 1).permute(0, 3, 1, 2).contiguous(memory_format=self._memory_format)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._bfloat16):
            return self.layers(x).float()


def _convolution(arrays, name, **geometry):
    filters, bias = arrays[f"{name}/filter"], arrays.get(f"{name}/bias")
    layer = nn.Conv2d(filters.shape[2], filters.shape[3], filters.shape[0], bias=bias is not None, **geometry)
    state = {"weight": filters.permute(3, 2, 0, 1)}
    layer.load_state_dict(state if bias is None else state | {"bias": bias})
    return layer


def _normalization(arrays, name):
    layer = nn.BatchNorm2d(len(arrays[f"{name}/scale"]), eps=NORM_EPSILON)
    parts = {"weight": "scale", "bias": "offset", "running_mean": "mean", "running_var": "variance"}
    state = {ours: arrays[f"{name}/{theirs}"] for ours, theirs in parts.items()}
    layer.load_state_dict(state | {"num_batches_tracked": torch.tensor(0)})
    return layer


class Training:
    """A training step written as in PyTorch's own tutorials, with Adam's fused kernel."""

    def __init__(self, model: nn.Module, learning_rate: float):
        """Start with zero moments; the steps change the model's own parameters.

        Args:
            model: the network.
            learning_rate: learning rate of every step.
        """
        self._model = model
        self._optimizer = torch.optim.Adam(
            model.parameters(), lr=learning_rate, betas=(BETA1, BETA2), eps=EPSILON, fused=True
        )

    def step(self, lightness: torch.Tensor, indices: torch.Tensor, pixel_weights: torch.Tensor) -> float:
        """Take one step.

        Args:
            lightness: float32 [B, P, P, 1], L* in [0, 100].
            indices: int32 or int64 [B, p, p], each pixel's bin; p is P - 16 for `Valid8`, P / 4 for `Zhang`.
            pixel_weights: float32 [B, p, p], weights of the pixels' bins.

        Returns:
            The loss before the step: the weighted cross-entropy, mean over pixels, nats.
        """
        self._optimizer.zero_grad()
        errors = functional.cross_entropy(self._model(lightness), indices.long(), reduction="none")  # [B, p, p]
        loss = (errors * pixel_weights).mean()
        loss.backward()
        nn.utils.clip_grad_norm_(self._model.parameters(), CLIP_NORM)
        self._optimizer.step()
        return loss.item()


@torch.inference_mode()
def predict_ab(model: Valid8, bins: Bins, lightness: np.ndarray, temperature: float) -> np.ndarray:
    """Predict the colours of a whole picture at once.

    Args:
        model: the network.
        bins: bins of its outputs; colours are their means.
        lightness: float32 [H, W], L* in [0, 100]; extended by reflection at its borders.
        temperature: T in (0, 1].

    Returns:
        ab, float32 [H, W, 2], ab units.
    """
    padded = np.pad(lightness, model.context, mode="reflect")
    ab_logits = model(torch.from_numpy(padded)[None, ..., None])[0]  # [Q, H, W]
    shares = torch.softmax(ab_logits / temperature, dim=0)
    colors = torch.tensor(bins.means, dtype=torch.float32)
    return torch.einsum("qhw,qc->hwc", shares, colors).numpy()
