"""Pix2pix in PyTorch on a CPU: the generator, the discriminator, and a training step in the order of its authors."""

from collections.abc import Callable

import tensorflow as tf
import torch
from torch import nn
from torch.nn import functional

SLOPE, DROPOUT, EPSILON = 0.2, 0.5, 1e-5  # of the authors' code, networks.py
L1_WEIGHT, BETAS = 100.0, (0.5, 0.999)  # of the authors' options


class Generator(nn.Module):
    """A copy of a tfcolor `Pix2Pix` with batch normalization, without attention."""

    def __init__(self, network: tf.Module, *, dropout: float = DROPOUT):
        """Copy the weights.

        Args:
            network: a `tfcolor.networks.pix2pix.Pix2Pix`.
            dropout: share of values that are dropped in training, in the layers that have dropout.
        """
        super().__init__()
        arrays = {name: torch.tensor(variable.numpy()) for name, variable in network.saved.items()}
        depth = sum(name.startswith("down") and name.endswith("/filter") for name in arrays)
        self.down = nn.ModuleList(_layers(arrays, f"down{k}", _convolution, stride=2) for k in range(1, depth + 1))
        self.up = nn.ModuleList(_layers(arrays, f"up{k}", _transposed) for k in range(depth, 0, -1))
        for layers in self.up[: max(0, depth - 5)]:
            layers.append(nn.Dropout(dropout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map lightness [B, 1, H, W] in [-1, 1] to colours [B, C, H, W] in [-1, 1]."""
        skips: list[torch.Tensor] = []
        for layers in self.down:
            x = layers(functional.leaky_relu(x, SLOPE, inplace=True) if skips else x)
            skips.append(x)  # the next activation changes it in place, which makes no difference to a relu
        x = skips.pop()
        for layers in self.up[:-1]:
            x = torch.cat([layers(functional.relu(x, inplace=True)), skips.pop()], dim=1)
        return torch.tanh(self.up[-1](functional.relu(x, inplace=True)))


class Discriminator(nn.Module):
    """A copy of a tfcolor `PatchGan` with batch normalization, without attention."""

    def __init__(self, weights: dict[str, tf.Variable], statistics: dict[str, tf.Variable]):
        """Copy the weights and averages, by tfcolor's names."""
        super().__init__()
        arrays = {name: torch.tensor(variable.numpy()) for name, variable in (weights | statistics).items()}
        names = [name.partition("/")[0] for name in arrays if name.endswith("/filter")]
        self.layers = nn.Sequential()
        for name in names:
            self.layers.extend(_layers(arrays, name, _convolution, stride=1 if name in names[-2:] else 2))
            if name != names[-1]:
                self.layers.append(nn.LeakyReLU(SLOPE, inplace=True))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Map pictures [B, C, H, W] to logits [B, 1, h, w] of being real."""
        return self.layers(pictures)


def _layers(arrays, name, make: Callable[..., nn.Module], **geometry):
    """A convolution, and its normalization if it has one."""
    parts = {part: arrays[f"{name}/{part}"] for part in ("filter", "bias") if f"{name}/{part}" in arrays}
    layers = nn.Sequential(make(parts["filter"], "bias" in parts, **geometry))
    state = {"weight": parts["filter"].permute(3, 2, 0, 1)}
    layers[0].load_state_dict(state | {"bias": parts["bias"]} if "bias" in parts else state)
    if f"{name}/scale" in arrays:
        layers.append(nn.BatchNorm2d(len(arrays[f"{name}/scale"]), eps=EPSILON))
        names = {"weight": "scale", "bias": "offset", "running_mean": "mean", "running_var": "variance"}
        state = {theirs: arrays[f"{name}/{ours}"] for theirs, ours in names.items()}
        layers[1].load_state_dict(state | {"num_batches_tracked": torch.tensor(0)})
    return layers


def _convolution(filters, bias, stride):
    return nn.Conv2d(filters.shape[2], filters.shape[3], 4, stride, padding=1, bias=bias)


def _transposed(filters, bias):
    return nn.ConvTranspose2d(filters.shape[3], filters.shape[2], 4, stride=2, padding=1, bias=bias)


class Training:
    """A training step as in the authors' PyTorch code, with Adam's fused kernel.

    The generator runs once. The discriminator learns first, from true and made colours; the generator then learns from
    what the discriminator, with its new weights, says of the made ones.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        learning_rate: float,
        *,
        channels_last: bool = False,
        bfloat16: bool = False,
    ):
        """Start with zero moments; the steps change the models' own parameters.

        Args:
            generator, discriminator: the networks.
            learning_rate: learning rate of every step.
            channels_last: whether tensors lie in memory as [B, H, W, C] rather than [B, C, H, W].
            bfloat16: whether to convolve and normalize in bfloat16; parameters stay float32.
        """
        self._bfloat16 = bfloat16
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self._generator = generator.to(memory_format=self._memory_format)
        self._discriminator = discriminator.to(memory_format=self._memory_format)
        self._optimizers = [
            torch.optim.Adam(model.parameters(), lr=learning_rate, betas=BETAS, fused=True)
            for model in (discriminator, generator)
        ]

    def step(self, lightness: torch.Tensor, colors: torch.Tensor) -> dict[str, float]:
        """Take one step.

        Args:
            lightness: float32 [B, 1, P, P], L* in [0, 100].
            colors: the true colours, float32 [B, C, P, P] in [-1, 1].

        Returns:
            The losses before the update of their weights, by tfcolor's names.
        """
        x = (lightness / 50 - 1).contiguous(memory_format=self._memory_format)
        colors = colors.contiguous(memory_format=self._memory_format)
        for_discriminator, for_generator = self._optimizers
        made = self._run(self._generator, x)
        self._discriminator.requires_grad_(True)
        for_discriminator.zero_grad()
        on_made = self._error(x, made.detach(), 0.0)
        on_true = self._error(x, colors, 1.0)
        discriminator_loss = (on_made + on_true) / 2
        discriminator_loss.backward()
        for_discriminator.step()
        self._discriminator.requires_grad_(False)
        for_generator.zero_grad()
        adversarial = self._error(x, made, 1.0)
        loss = adversarial + L1_WEIGHT * functional.l1_loss(made, colors)
        loss.backward()
        for_generator.step()
        return {"loss": loss.item(), "discriminator/loss": discriminator_loss.item()}

    def _run(self, model, x):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._bfloat16):
            return model(x).float()

    def _error(self, x, colors, target):
        """The discriminator's mean error on colours that it should find real (1) or made (0)."""
        logits = self._run(self._discriminator, torch.cat([x, colors], dim=1))
        return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
