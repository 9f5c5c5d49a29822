"""Conditional adversarial training (pix2pix, Isola et al. 2017): near the true colours, and hard to tell from them."""

from collections.abc import Callable

import tensorflow as tf

from tfcolor.color.bins import Bins
from tfcolor.color.lab import lab_to_rgb, lightness_to_gray, rgb_to_lab
from tfcolor.networks.layers import Network, TrainingPass
from tfcolor.networks.patch_gan import SMALLEST_SIDE, PatchGan
from tfcolor.objectives.objective import Loss, LossOfVariables, Objective
from tfcolor.objectives.targets import output_channels
from tfcolor.utils.errors import InputError

_MATCHING_WEIGHT = 10.0  # of feature matching (Wang et al. 2018, "pix2pixHD", section 3.3)
_DISCRIMINATORS = 4  # distinguishes the seeds of their weights

# Maps logits [B, h, w, 1] and the target 1 for real or 0 for made to errors of this shape.
_GAN_ERRORS: dict[str, Callable[[tf.Tensor, float], tf.Tensor]] = {
    "vanilla": lambda logits, target: tf.nn.sigmoid_cross_entropy_with_logits(target * tf.ones_like(logits), logits),
    "lsgan": lambda logits, target: (logits - target) ** 2,  # Mao et al. 2017
}


class Adversarial(Objective):
    """One colour for each pixel, judged by its distance from the true one, and by discriminators.

    The network's loss is the mean distance (L1) times a weight, plus what the discriminators say of its colours. They
    learn to tell them from true ones, and see the lightness as well. Several discriminators see the picture at 1, 1/2
    and 1/4 of its sides; their losses are summed, and the network also learns to give features like those of
    true colours at each of their layers (pix2pixHD). Gradients of both come from the same pass, and are not clipped.
    """

    def __init__(
        self,
        bins: Bins,
        space: str = "lab",
        bound: int = 110,
        gan: str = "vanilla",
        l1_weight: float = 100.0,
        discriminators: int = 1,
        attention: str = "none",
        norm: str = "batch",
        width: float = 1.0,
        downsampling: str = "average",
    ):
        """Choose.

        Args:
            bins: the colour bins of the photographs, for reports.
            space: 'lab' for a network that gives a and b, 'rgb' for one that paints the whole picture.
            bound: the largest |a| and |b| in ab units, for 'lab': 110 or 128.
            gan: the discriminators' errors: 'vanilla' for the cross-entropy, 'lsgan' for the squared distance.
            l1_weight: weight of the distance, in units of the tanh's range [-1, 1].
            discriminators: number of discriminators, from 1 to 3.
            attention: 'discriminator' or 'both' for discriminators with self-attention.
            norm: normalization of the discriminators, 'batch' or 'instance'.
            width: factor for the channels of the discriminators.
            downsampling: see `targets.output_ab`.
        """
        super().__init__(bins)
        self._is_rgb, self._bound = space == "rgb", float(bound)
        self.gives_lightness = self._is_rgb
        self._errors, self._l1_weight = _GAN_ERRORS[gan], l1_weight
        self._count, self._downsampling = discriminators, downsampling
        attends = attention in ("discriminator", "both")
        self._options = {"width": width, "norm": norm, "attention": attends}

    @property
    def num_outputs(self) -> int:
        """a and b, or red, green and blue."""
        return 3 if self._is_rgb else 2

    def check_side(self, side: int) -> None:
        """Raise InputError if outputs of this many pixels on a side are too small for the discriminators."""
        least = SMALLEST_SIDE * 2 ** (self._count - 1)
        if side < least:
            raise InputError(
                f"adversarial training with `discriminators` {self._count} takes outputs of at least {least} pixels a "
                f"side, and windows of this `patch` give {side}; take a larger `patch`"
            )

    def targets(self, lab: tf.Tensor, network: type[Network]) -> tuple[tf.Tensor, ...]:
        """Make the targets of windows; arguments as in `Objective.targets`.

        Returns:
            What the network should give, and the lightness (gray for RGB), at the resolution of the outputs: float32
            [B, p, p, num_outputs] and [B, p, p, 1], each in [-1, 1].
        """
        if self._is_rgb:
            colors = 2 * lab_to_rgb(lab) - 1
            lightness = 2 * lightness_to_gray(lab[..., :1]) - 1
        else:
            colors, lightness = lab[..., 1:] / self._bound, lab[..., :1] / 50 - 1
        pictures = tf.concat([colors, lightness], axis=-1)
        pictures = output_channels(pictures, network, self._downsampling)
        return pictures[..., :-1], pictures[..., -1:]

    def pixel_loss(self, outputs: tf.Tensor, colors: tf.Tensor, lightness: tf.Tensor) -> Loss:
        """Compute the weighted distance alone, without discriminators; arguments from `targets`."""
        distances = tf.reduce_mean(tf.abs(tf.tanh(outputs) - colors), axis=-1)
        return Loss(self._l1_weight * distances, distances)

    def to_ab(self, outputs: tf.Tensor, temperature: float | tf.Tensor) -> tf.Tensor:
        """Turn outputs into ab; the temperature is ignored."""
        return self.to_lab(outputs)[..., 1:] if self._is_rgb else self._bound * tf.tanh(outputs)

    def to_lab(self, outputs: tf.Tensor) -> tf.Tensor:
        """Turn outputs of a network that paints RGB into Lab float32 [..., 3]; raise ValueError for a and b alone."""
        if not self._is_rgb:
            return super().to_lab(outputs)
        return rgb_to_lab((tf.tanh(outputs) + 1) / 2)

    def losses(self, network: Network, seed: int = 0) -> list[LossOfVariables]:
        """Return the loss of the network, and that of the discriminators, which are created here."""
        judges = [
            PatchGan(
                self.num_outputs + 1,
                f"discriminator{k + 1}",
                tf.random.fold_in([seed, _DISCRIMINATORS], k),
                compute_dtype=network.compute_dtype,
                **self._options,
            )
            for k in range(self._count)
        ]

        def network_loss(batch, training):
            inputs, colors, lightness = batch
            outputs = network(inputs, training)
            made = training.kept["made"] = _judged(judges, lightness, tf.tanh(outputs), training)
            distances = _mean(self.pixel_loss(outputs, colors, lightness).plain)
            parts = {"distance": distances, "adversarial": self._error(made, 1.0)}
            loss = self._l1_weight * distances + parts["adversarial"]
            if self._count > 1:
                true = training.kept["true"] = _judged(judges, lightness, colors, training)
                parts["feature_matching"] = _feature_distance(made, true)
                loss += _MATCHING_WEIGHT * parts["feature_matching"]
            return Loss(loss, distances, parts)

        def judges_loss(batch, training):
            _, colors, lightness = batch
            true = training.kept.get("true") or _judged(judges, lightness, colors, training)
            errors = {"on_true": self._error(true, 1.0), "on_made": self._error(training.kept["made"], 0.0)}
            loss = (errors["on_true"] + errors["on_made"]) / 2
            return Loss(loss, loss, errors)

        weights, statistics = (
            {name: variable for judge in judges for name, variable in getattr(judge, kind).items()}
            for kind in ("weights", "statistics")
        )
        return [
            LossOfVariables("", network.weights, network_loss, clip=None),
            LossOfVariables("discriminator", weights, judges_loss, statistics, clip=None),
        ]

    def _error(self, judgements, target):
        """The mean error of the judgements on each picture, summed over the discriminators: [B]."""
        return tf.add_n([_mean(self._errors(logits, target)) for logits, _ in judgements])


def _judged(judges: list[PatchGan], lightness: tf.Tensor, colors: tf.Tensor, training: TrainingPass) -> list:
    """What each discriminator says of pictures, and its features; each sees half of the sides of the one before."""
    pictures, found = tf.concat([lightness, colors], axis=-1), []
    for number, judge in enumerate(judges):
        pictures = _halved(pictures) if number else pictures
        found.append(judge(pictures, training))
    return found


def _halved(pictures):
    """Means of 3x3 pixels with stride 2, where padding does not count, as in pix2pixHD's code."""
    padded = tf.pad(tf.concat([pictures, tf.ones_like(pictures[..., :1])], axis=-1), [[0, 0], [1, 1], [1, 1], [0, 0]])
    means = tf.nn.avg_pool2d(padded, 3, 2, "VALID")
    return means[..., :-1] / means[..., -1:]


def _feature_distance(made, true):
    """The distance of the features of made and of true colours, a sum over layers and a mean over discriminators: [B].

    In pix2pixHD's code each of the four layers has the weight 4 / (3 + 1).
    """
    pairs = [
        (a, b) for (_, ours), (_, theirs) in zip(made, true, strict=True) for a, b in zip(ours, theirs, strict=True)
    ]
    distances = [_mean(tf.abs(tf.cast(a, tf.float32) - tf.cast(b, tf.float32))) for a, b in pairs]
    return tf.add_n(distances) / len(made)


def _mean(x):
    """The mean of each picture's values: [B, ...] -> [B]."""
    return tf.reduce_mean(x, axis=list(range(1, x.shape.rank)))
