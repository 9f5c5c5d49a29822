"""How a film codes light: from luma to lightness, and from Lab to chroma.

Films store luma Y', a weighted sum of R'G'B', and two differences from it, Cb and Cr (ITU-T H.273, section 8). A gray
film has R' = G' = B' = Y', so its luma gives lightness. Colouring leaves luma as it is and writes Cb and Cr alone.

No TensorFlow.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# H.273, table 4: K_R and K_B by the number of the matrix. 8 and up not here: no luma, or not a weighted sum.
_MATRICES = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087)}
_MATRICES |= {9: (0.2627, 0.0593)}
_UNSPECIFIED = 2
_FULL_RANGE = 2  # FFmpeg's number; 1 is limited, 0 unspecified
_WIDE = 9  # the primaries of BT.2020
# H.273, table 3. Cameras' curves (BT.709, BT.601, BT.2020) are taken for that of sRGB, as players do and as
# photographs made from films do; the others as they are defined.
_TRANSFERS = {4: "gamma22", 5: "gamma28", 8: "linear", 16: "pq", 18: "hlg"}
_HD = (1280, 576)  # more columns or rows than this: BT.709 where nothing is said, as players guess
_REFERENCE_WHITE = 203.0  # cd/m^2 of L* = 100 in PQ (ITU-R BT.2408)
# Linear RGB of BT.709 in that of BT.2020 (ITU-R BT.2087, eq. for M1).
_TO_WIDE = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def at_chroma(lightness: np.ndarray, subsampling: tuple[int, int], centred: bool) -> np.ndarray:
    """Reduce lightness to the places of samples of chroma.

    Args:
        lightness: float32 [H, W].
        subsampling: pixels for each sample, across and down.
        centred: whether samples lie in the middle of their pixels, as in JPEG. Otherwise those for two columns lie at
            the first of them (ITU-T H.273, chroma sample location type 0).

    Returns:
        float32 [ceil(H / down), ceil(W / across)].
    """
    across, down = subsampling
    height, width = lightness.shape
    lightness = np.pad(lightness, [(0, -height % down), (0, -width % across)], "edge")
    rows = lightness.reshape(-1, down, lightness.shape[1]).mean(axis=1)
    columns = rows.reshape(len(rows), -1, across)
    if across != 2 or centred:
        return columns.mean(axis=2)
    first, second = columns[..., 0], columns[..., 1]
    before = np.concatenate([first[:, :1], second[:, :-1]], axis=1)
    return (before + 2 * first + second) / 4


def is_hd(width: int, height: int) -> bool:
    """Tell whether BT.709 is meant where nothing is said, by the size in pixels."""
    return width >= _HD[0] or height > _HD[1]


@dataclass(frozen=True)
class Coding:
    """The coding of a stream.

    bits: of a sample, from 8 to 16.
    full_range: whether luma takes all levels; otherwise 16 to 235 times 2^(bits - 8).
    red, blue: K_R and K_B, the shares of red and blue in luma.
    transfer: 'srgb', 'linear', 'gamma22', 'gamma28', 'pq' or 'hlg'.
    wide: whether it has the primaries of BT.2020.
    """

    bits: int = 8
    full_range: bool = False
    red: float = 0.2126
    blue: float = 0.0722
    transfer: str = "srgb"
    wide: bool = False

    @classmethod
    def of(
        cls, width: int, height: int, bits: int, color_range: int, matrix: int, transfer: int, primaries: int
    ) -> "Coding":
        """Make a coding from FFmpeg's numbers, which follow H.273 except for the range. Guess what is unspecified."""
        guess = 1 if is_hd(width, height) else 6
        red, blue = _MATRICES.get(guess if matrix == _UNSPECIFIED else matrix, _MATRICES[guess])
        return cls(
            bits, color_range == _FULL_RANGE, red, blue, _TRANSFERS.get(transfer, "srgb"), wide=primaries == _WIDE
        )

    def lightness(self, luma: np.ndarray) -> np.ndarray:
        """Turn levels of luma, unsigned integers [...], into L* float32 [...], in [0, 100]."""
        return self._lightness[luma]

    @cached_property
    def _lightness(self):
        """L* of every level."""
        levels = np.arange(2**self.bits)
        zero, span = self._luma_range
        light = _to_light(self.transfer, np.clip((levels - zero) / span, 0, 1))
        # CIE 15: of a gray, whose luminance is its light.
        cubic = 116 * np.cbrt(light) - 16
        return np.clip(np.where(light > (6 / 29) ** 3, cubic, light * (29 / 3) ** 3), 0, 100).astype(np.float32)

    def chroma(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn colours into levels of Cb and Cr.

        Args:
            rgb: uint16 [..., 3], sRGB.

        Returns:
            Cb and Cr, uint8 or uint16 [...].
        """
        rgb = rgb / np.float32(65535)
        if self.transfer != "srgb" or self.wide:
            light = _to_light("srgb", rgb)
            rgb = _from_light(self.transfer, light @ _TO_WIDE.T if self.wide else light)
        green = 1 - self.red - self.blue
        to_blue = np.array([-self.red, -green, 1 - self.blue], np.float32) / (1 - self.blue) / 2
        to_red = np.array([1 - self.red, -green, -self.blue], np.float32) / (1 - self.red) / 2
        return self._levels(rgb @ to_blue), self._levels(rgb @ to_red)

    def _levels(self, difference):
        """Levels of Cb or Cr in [-0.5, 0.5] (H.273, eq. 24 to 29)."""
        top = 2**self.bits - 1
        span = top if self.full_range else 224 * 2 ** (self.bits - 8)
        levels = np.clip(np.rint(span * difference + self.gray), 0, top)
        return levels.astype(np.uint8 if self.bits == 8 else np.uint16)

    @property
    def gray(self) -> int:
        """The level of Cb and Cr without colour."""
        return 2 ** (self.bits - 1)

    @property
    def _luma_range(self):
        """The level of black, and the levels from black to white."""
        step = 2 ** (self.bits - 8)
        return (0, 2**self.bits - 1) if self.full_range else (16 * step, 219 * step)


def _to_light(transfer: str, signal: np.ndarray) -> np.ndarray:
    """Turn R', G' or B' in [0, 1] into light; 1 is white, of which PQ and HLG can show more."""
    if transfer == "srgb":  # IEC 61966-2-1
        return np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    if transfer == "pq":  # SMPTE ST 2084, eq. 4.1
        m1, m2, c1, c2, c3 = _PQ
        root = np.maximum(signal, 0) ** (1 / m2)
        return 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1) / _REFERENCE_WHITE
    if transfer == "hlg":  # ITU-R BT.2100, table 5; white is at 0.75
        a, b, c = _HLG
        light = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        return light / _HLG_WHITE
    return signal ** {"linear": 1.0, "gamma22": 2.2, "gamma28": 2.8}[transfer]


def _from_light(transfer: str, light: np.ndarray) -> np.ndarray:
    """The inverse of `_to_light`."""
    light = np.maximum(light, 0)
    if transfer == "srgb":
        return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    if transfer == "pq":
        m1, m2, c1, c2, c3 = _PQ
        power = (light * _REFERENCE_WHITE / 10_000) ** m1
        return ((c1 + c2 * power) / (1 + c3 * power)) ** m2
    if transfer == "hlg":
        a, b, c = _HLG
        light = light * _HLG_WHITE
        return np.where(light <= 1 / 12, np.sqrt(3 * light), a * np.log(np.maximum(12 * light - b, 1e-12)) + c)
    return light ** (1 / {"linear": 1.0, "gamma22": 2.2, "gamma28": 2.8}[transfer])


_PQ = (2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32)
_HLG = (0.17883277, 0.28466892, 0.55991073)
_HLG_WHITE = (np.exp((0.75 - _HLG[2]) / _HLG[0]) + _HLG[1]) / 12
