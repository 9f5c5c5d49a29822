"""The U-Net in PyTorch on a CPU."""

import tensorflow as tf
import torch
from torch import nn
from torch.nn import functional

from tfcolor.networks.encoders import stages


class UNet(nn.Module):
    """A copy of a tfcolor `UNet`."""

    def __init__(
        self,
        network: tf.Module,
        *,
        channels_last: bool = False,
        bfloat16: bool = False,
        tune_encoder: bool = True,
        tune_depthwise: bool = False,
    ):
        """Copy the weights.

        Args:
            network: a `tfcolor.networks.unet.UNet`.
            channels_last: whether tensors lie in memory as [B, H, W, C] rather than [B, C, H, W].
            bfloat16: whether to convolve in bfloat16; parameters that are trained, and logits, stay float32.
            tune_encoder: whether the encoder is trained too, except for its depthwise filters.
            tune_depthwise: whether these are trained as well.
        """
        super().__init__()
        self._dtype = torch.bfloat16 if bfloat16 else torch.float32
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        arrays = {name: torch.tensor(variable.numpy()) for name, variable in network.saved.items()}
        self.encoder = Encoder(arrays, network.encoder.kind)
        self.reduce, self.context = Convolution(arrays, "reduce"), Convolution(arrays, "context")
        self.decoder = nn.ModuleList(Convolution(arrays, f"decoder{k}_{j}") for k in (1, 2, 3) for j in (1, 2))
        self.logits = Convolution(arrays, "logits")
        self.to(memory_format=self._memory_format)
        if not tune_depthwise:
            for module in self.modules():
                if isinstance(module, Convolution) and module.is_depthwise:
                    module.weight.requires_grad_(False)
                    module.fold()
        if not tune_encoder:
            self._make_constant(self.encoder)

    def for_prediction(self) -> "UNet":
        """Multiply factors into filters, and cast them, once for all pictures; returns the model itself."""
        self._make_constant(self)
        return self

    def _make_constant(self, model):
        for module in model.modules():
            if isinstance(module, Convolution):
                module.fold()
        model.requires_grad_(False).to(self._dtype)

    def forward(self, gray: torch.Tensor) -> torch.Tensor:
        """Predict the colour of each block of 4x4 pixels.

        Args:
            gray: float32 [B, H, W, 1], sRGB gray in [0, 1]; H and W multiples of 32.

        Returns:
            ab_logits, float32 [B, Q, H/4, W/4].
        """
        *skips, x = self.features(gray)
        mean = x.mean((2, 3), keepdim=True, dtype=torch.float32)
        x = functional.relu(self.reduce(x) + self.context(mean.to(x.dtype)))
        for k, skip in enumerate(reversed(skips[1:])):
            x = torch.cat([functional.interpolate(x, scale_factor=2, mode="bilinear"), skip], dim=1)
            for layer in self.decoder[2 * k : 2 * k + 2]:
                x = functional.relu(layer(x), inplace=True)
        return self.logits(x).float()

    def features(self, gray: torch.Tensor) -> list[torch.Tensor]:
        """Compute the encoder's features, [B, C, H / s, W / s] for the strides s = 2, 4, 8, 16 and 32."""
        # With one channel both layouts are the same to PyTorch, whose convolutions then go by the strides.
        x = gray.permute(0, 3, 1, 2) if self._memory_format == torch.channels_last else gray[:, None, :, :, 0]
        return self.encoder(x.to(self._dtype))


class Encoder(nn.Module):
    """A copy of a tfcolor `Encoder`."""

    def __init__(self, arrays: dict[str, torch.Tensor], kind: str):
        """Copy the weights.

        Args:
            arrays: the weights by tfcolor's names.
            kind: 'lite0', 'lite1' or 'lite2'.
        """
        super().__init__()
        self.stem = Convolution(arrays, "encoder_stem", stride=2)
        strides = [stage.stride if k == 0 else 1 for stage in stages(kind) for k in range(stage.depth)]
        self.blocks = nn.ModuleList(_Block(arrays, f"encoder_block{k}", stride) for k, stride in enumerate(strides))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Map gray [B, 1, H, W], in [0, 1], to features of five strides."""
        x = functional.relu6(self.stem((255 * x - 127) / 128), inplace=True)
        features = []
        for block in self.blocks:
            if block.stride == 2:
                features.append(x)
            x = block(x)
        return [*features, x]


class _Block(nn.Module):
    """An inverted residual block."""

    def __init__(self, arrays, name, stride):
        super().__init__()
        self.stride = stride
        parts = [part for part in ("expand", "depthwise", "project") if f"{name}_{part}/filter" in arrays]
        strides = {"depthwise": stride}
        self.layers = nn.ModuleList(Convolution(arrays, f"{name}_{part}", strides.get(part, 1)) for part in parts)

    def forward(self, x):
        y = x
        for layer in self.layers[:-1]:
            y = functional.relu6(layer(y), inplace=True)
        y = self.layers[-1](y)
        return x + y if self.stride == 1 and x.shape == y.shape else y


class Convolution(nn.Module):
    """A convolution with TensorFlow's SAME padding, computed in the dtype of its input.

    Those of the encoder have a factor for each channel.
    """

    def __init__(self, arrays: dict[str, torch.Tensor], name: str, stride: int = 1):
        """Copy the weights.

        Args:
            arrays: the weights by tfcolor's names.
            name: name of the layer.
            stride: 1, or 2 for inputs of even sides.
        """
        super().__init__()
        filters = arrays[f"{name}/filter"]
        self.is_depthwise, self._stride = filters.ndim == 3, stride
        weight = filters.permute(2, 0, 1)[:, None] if self.is_depthwise else filters.permute(3, 2, 0, 1)
        self.weight = nn.Parameter(weight.contiguous())
        for part in ("scale", "bias"):
            array = arrays.get(f"{name}/{part}")
            self.register_parameter(part, None if array is None else nn.Parameter(array))

    @torch.no_grad()
    def fold(self) -> None:
        """Multiply the factors into the filters."""
        if self.scale is not None:
            self.weight *= self.scale[:, None, None, None]
            self.scale = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve x [B, C, H, W] -> [B, D, H / stride, W / stride]."""
        weight = self.weight if self.scale is None else self.weight * self.scale[:, None, None, None]
        size, groups = weight.shape[-1], len(weight) if self.is_depthwise else 1
        padding = size // 2
        if self._stride == 2:
            before, padding = (size - 2) // 2, 0
            x = functional.pad(x, [before, size - 2 - before] * 2)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        # The gradient by the bias of a convolution would compute the one by its filters too, which takes longest.
        adds = self.is_depthwise and bias.requires_grad and not weight.requires_grad
        y = functional.conv2d(x, weight.to(x.dtype), None if adds else bias, self._stride, padding, groups=groups)
        return y + bias[:, None, None] if adds else y
