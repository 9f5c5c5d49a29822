"""Made clips: pans and zooms over photographs, whose motion is known."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from tfcolor.films.reading import load_av


def pan_and_zoom(
    rgb: np.ndarray, sides: tuple[int, int], count: int, pan: float = 0.2, zoom: float = 1.15
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Move a window over a photograph.

    Args:
        rgb: uint8 [H, W, 3].
        sides: height and width of the frames in pixels.
        count: number of frames.
        pan: how far the window moves, as a share of its width.
        zoom: how much nearer it comes.

    Yields:
        Frames uint8 [h, w, 3], and for each the flow to the frame before, float32 [h, w, 2], x and y in pixels; zeros
        for the first one.
    """
    image, (height, width) = Image.fromarray(rgb), sides
    fitting = min(rgb.shape[1] / (width * (1 + pan)), rgb.shape[0] / height)
    fitting *= 1 - 1e-9  # else rounding may lead outside of the photograph
    before = None
    grid = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)
    for k in range(count):
        share = k / max(1, count - 1)
        scale = fitting / zoom**share  # pixels of the photograph in a pixel of the frame
        middle = np.array([rgb.shape[1] / 2 + (share - 0.5) * pan * width * fitting, rgb.shape[0] / 2])
        corner = middle - scale * np.array([width, height]) / 2
        box = (*corner, *(corner + scale * np.array([width, height])))
        frame = image.resize((width, height), Image.Resampling.BICUBIC, tuple(map(float, box)))
        places = corner + scale * grid
        flow = np.zeros_like(grid) if before is None else (places - before[0]) / before[1] - grid
        before = (corner, scale)
        yield np.asarray(frame), flow.astype(np.float32)


def write_clip(
    path: Path, frames: Iterator[np.ndarray], rate: int = 25, *, lossless: bool = False, rotation: int = 0
) -> None:
    """Write frames uint8 [H, W, 3] as a film in H.264.

    Args:
        path: the file.
        frames: sRGB.
        rate: frames a second.
        lossless: whether its luma and chroma are kept exactly.
        rotation: degrees by which players turn it, counterclockwise.
    """
    av = load_av()
    with av.open(str(path), "w") as container:
        stream = None
        for number, rgb in enumerate(frames):
            if stream is None:
                options = {"qp": "0"} if lossless else {}
                stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast", **options})
                if rotation:
                    stream.set_display_rotation(rotation)
                stream.width, stream.height, stream.pix_fmt = rgb.shape[1], rgb.shape[0], "yuv420p"
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
