"""`RoutedColorizer` colours each photograph with the specialist that suits it best, or with a blend of several."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfcolor.color.decoding_options import Decoding
from tfcolor.color.guided_filter import border
from tfcolor.color.lightness import lightness_of_levels
from tfcolor.colorizer.colorizer import Colorizer, checked_picture, checked_rgb
from tfcolor.colorizer.features import PhotographFeatures
from tfcolor.colorizer.painting import inside, painter
from tfcolor.colorizer.tiles import AUTO_TILE, Place, Uncolored, count_tiles
from tfcolor.models.directory import find_model, is_routed
from tfcolor.models.routed import OwnDecoding, RoutedInfo, read_routed
from tfcolor.networks.registry import network_class
from tfcolor.utils import pixelwise
from tfcolor.utils.errors import InputError
from tfcolor.utils.memory import give_back
from tfcolor.utils.precision import for_prediction

Decodings = Decoding | OwnDecoding


class Choice(NamedTuple):
    """What the router says of a photograph.

    probabilities: of each specialist, that it is the best.
    shares: of each specialist that colours it, sums of 1.
    """

    probabilities: dict[str, float]
    shares: dict[str, float]

    def __str__(self) -> str:
        """Say it in a few words, the largest share first."""
        if len(self.shares) == 1:
            (name,) = self.shares
            return f"coloured by {name} ({self.probabilities[name]:.2f})"
        parts = sorted(self.shares.items(), key=lambda part: -part[1])
        return "blend of " + ", ".join(f"{name} {share:.2f}" for name, share in parts)


def load_colorizer(
    model: str | Path,
    precision: str = "auto",
    xla: str = "auto",
    working_size: int | None = None,
    repaint: bool = False,
) -> "Colorizer | RoutedColorizer":
    """Load a model or a routed model; arguments and errors as in `Colorizer.load`. Routed models cannot repaint."""
    if is_routed(find_model(str(model))):
        if repaint:
            raise InputError("`repaint` is not for routed models; take one of its specialists as `model`")
        return RoutedColorizer.load(model, precision, xla, working_size)
    return Colorizer.load(model, precision, xla, working_size, repaint)


class RoutedColorizer:
    """Colours photographs with a routed model. It has the methods of `Colorizer` that need no single distribution.

    Specialists have different bins, so that blends are made of colours, of ab. Each specialist is loaded when it is
    first needed. Photographs are coloured one by one: what one gets does not depend on the others.

    choice: what was chosen for the photograph that was coloured last, None before.
    """

    def __init__(self, info: RoutedInfo, precision: str = "auto", xla: str = "auto", working_size: int | None = None):
        """Load the router; arguments as in `Colorizer.load`.

        Raises:
            InputError: if the encoder does not fit, or a specialist has no working size, and one is given.
        """
        classes = {name: network_class(each.network.name) for name, each in info.specialists.items()}
        without = [name for name, network in classes.items() if network.working_size is None]
        if working_size is not None and without:
            raise InputError(f"`working_size` is for models that have a working size, and {without[0]} has none")
        self.info, self.decoding, self.choice = info, info.decoding, None
        # Decided once: measured for each, it might be another for every specialist.
        self._options = (for_prediction(precision).name, xla, working_size)
        self._all_reduce = not without
        self._loaded: dict[str, Colorizer] = {}
        self._features = PhotographFeatures(info.encoder, info.folder / "encoder.npz")

    @classmethod
    def load(
        cls, model: str | Path, precision: str = "auto", xla: str = "auto", working_size: int | None = None
    ) -> "RoutedColorizer":
        """Load a routed model directory; arguments and errors as in `Colorizer.load`."""
        return cls(read_routed(find_model(str(model))), precision, xla, working_size)

    @property
    def auto_tile(self) -> int:
        """The side of tiles with which `colorize_all` is fastest, in pixels: what suits all specialists."""
        return self.specialist(next(iter(self.info.specialists))).auto_tile if self._all_reduce else AUTO_TILE

    def specialist(self, name: str) -> Colorizer:
        """Return a specialist, and load it when it is first needed."""
        if name not in self._loaded:
            self._loaded[name] = Colorizer.load(self.info.specialists[name].folder, *self._options)
        return self._loaded[name]

    def choose(self, lightness: np.ndarray) -> Choice:
        """Say which specialists suit a photograph, L* float32 [H, W] in [0, 100]."""
        router = self.info.router
        found = router.probabilities(self._features(lightness))
        shares = dict(zip(self.info.specialists, map(float, router.shares(found)), strict=True))
        self.choice = Choice(
            dict(zip(self.info.specialists, map(float, found), strict=True)),
            {name: share for name, share in shares.items() if share},
        )
        return self.choice

    def colorize(
        self,
        rgb: np.ndarray,
        temperature: float | None = None,
        tile: int = AUTO_TILE,
        on_tile: Callable[[int], Any] = lambda done: None,
        *,
        uniform_share: float | None = None,
        smoothing: int | None = None,
        strength: float | None = None,
    ) -> np.ndarray:
        """Colour a photograph; arguments and result as in `Colorizer.colorize`, None for each specialist's own."""
        picture = Uncolored(lightness_of_levels(checked_rgb(rgb)), rgb.dtype.type)
        decoding = OwnDecoding(temperature, strength, smoothing, uniform_share)
        return next(self.colorize_all([picture], decoding, tile, on_tile))

    def colorize_all(
        self,
        pictures: Iterable[Uncolored],
        decoding: Decodings | None = None,
        tile: int = AUTO_TILE,
        on_tile: Callable[[int], Any] = lambda done: None,
    ) -> Iterator[np.ndarray]:
        """Colour many photographs; as `Colorizer.colorize_all`, but without hints.

        Args:
            pictures: read one by one, as they are needed. After each result, `choice` says how it was made.
            decoding: None for each specialist's own, `OwnDecoding` for changes to it, `Decoding` for one for all.
            tile, on_tile: as in `Colorizer.colorize_all`.

        Yields:
            The results, sRGB uint8 or uint16 [H, W, 3], in the order of the pictures.
        """
        done = 0
        for picture in pictures:
            if checked_picture(picture).hints:
                raise InputError("hints need one distribution, and a routed model has several; take a specialist")
            # The caller's place in the queue is counted in tiles of all pictures.
            progress = lambda number, before=done: on_tile(before + number)  # noqa: E731
            done += count_tiles(*picture.lightness.shape, tile)
            result = self._colorized(picture, decoding, tile, progress)
            del picture  # finished pictures must not stay in memory while the next one is read
            yield result
            del result

    def _colorized(self, picture, decoding, tile, on_tile):
        shares = self.choose(picture.lightness).shares
        if len(shares) == 1:
            (name,) = shares
            return next(self.specialist(name).colorize_all([picture], self._decoding_of(name, decoding), tile, on_tile))
        result = np.empty([*picture.lightness.shape, 3], picture.dtype)
        paint = painter(picture.lightness.size, picture.dtype)
        for number, (place, lightness, ab) in enumerate(self._blended(picture.lightness, shares, decoding, tile), 1):
            result[place] = paint(lightness, ab)[0]
            on_tile(number)
        if pixelwise.is_large(picture.lightness.size):
            give_back()
        return result

    def predict_ab(
        self,
        lightness: np.ndarray,
        temperature: float | None = None,
        tile: int = AUTO_TILE,
        *,
        uniform_share: float | None = None,
        smoothing: int | None = None,
        strength: float | None = None,
    ) -> np.ndarray:
        """Predict ab, including colours that sRGB cannot show; as `Colorizer.predict_ab`."""
        return self.predict_many(lightness, [OwnDecoding(temperature, strength, smoothing, uniform_share)], tile)[0]

    def predict_many(
        self, lightness: np.ndarray, decodings: list[Decodings], tile: int = AUTO_TILE
    ) -> list[np.ndarray]:
        """Predict ab for several decodings, for each float32 [H, W, 2]; as `Colorizer.predict_many`.

        The networks run again for each decoding.
        """
        shares = self.choose(lightness).shares
        found = [np.empty([*lightness.shape, 2], np.float32) for _ in decodings]
        for result, decoding in zip(found, decodings, strict=True):
            for place, _, ab in self._blended(lightness, shares, decoding, tile):
                result[place] = ab[0]
        return found

    def _decoding_of(self, name: str, decoding: Decodings | None) -> Decoding:
        if isinstance(decoding, Decoding):
            return decoding
        return (decoding or self.decoding).of(self.info.specialists[name].decoding)

    def _blended(
        self, lightness: np.ndarray, shares: dict[str, float], decoding: Decodings | None, tile: int
    ) -> Iterator[tuple[Place, tf.Tensor, tf.Tensor]]:
        """The tiles of a picture: place, lightness [1, h, w, 1], and the mean ab [1, h, w, 2] weighted by the shares.

        All specialists get the same tiles, so that nothing as large as the picture is kept for each.
        """
        decodings = {name: self._decoding_of(name, decoding) for name in shares}
        sources = [
            self.specialist(name).tiles(lightness[None], tile, border(each.smoothing))
            for name, each in decodings.items()
        ]
        for parts in zip(*sources, strict=True):
            colors = [
                share * self.specialist(name).colors(part, decodings[name])
                for (name, share), part in zip(shares.items(), parts, strict=True)
            ]
            yield parts[0].place, inside(parts[0].lightness, parts[0].margin), tf.add_n(colors)
