"""The first photograph, which is decoded while TensorFlow is loaded, and read while the model is."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING

from tfcolor.commands.worklist import Job
from tfcolor.photographs.decoding import Header, decode, read_header
from tfcolor.photographs.pixels import UnreadableImage
from tfcolor.photographs.raster import Raster

if TYPE_CHECKING:
    from tfcolor.photographs.reading import Page


class FirstPage:
    """The first page of the first photograph. If it cannot be read, whoever reads it again finds out why.

    kind: its height, its width, and the type of its levels, uint8 or uint16; None as long as it is not decoded.
    """

    def __init__(self, jobs: list[Job], max_pixels: int, with_truth: bool = False):
        """Start to decode in a thread.

        Args:
            jobs: the photographs; there may be none.
            max_pixels: the largest number of pixels of a page.
            with_truth: see `reading.read_page`.
        """
        self._path = jobs[0].source if jobs else None
        self.kind: tuple[int, int, type] | None = None
        self._header: Header | None = None
        self._with_truth = with_truth
        self._pool = ThreadPoolExecutor(1)
        self._raster: Future | None = self._pool.submit(self._decode, max_pixels) if jobs else None
        self._page: Future | None = None

    def __enter__(self) -> "FirstPage":
        """Return itself."""
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Wait for the thread."""
        self._pool.shutdown(cancel_futures=True)

    def read(self) -> None:
        """Go on, now that TensorFlow is loaded."""
        if self._raster:
            self._page = self._pool.submit(self._read)

    def take(self, header: Header, index: int) -> "Page | None":
        """Return a page if it is this one, once; else None."""
        if self._page is None or index or header.path != self._path:
            return None
        page, self._page = self._page.result(), None
        return page

    def _decode(self, max_pixels: int) -> Raster | None:
        try:
            self._header = read_header(self._path, max_pixels)
            raster = decode(self._header)
        except UnreadableImage:
            return None
        height, width, _ = raster.pixels.shape
        self.kind = height, width, raster.pixels.dtype.type
        return raster

    def _read(self) -> "Page | None":
        from tfcolor.photographs.reading import read_page

        raster, self._raster = self._raster.result(), None
        try:
            return read_page(self._header, 0, self._with_truth, raster) if raster else None
        except UnreadableImage:
            return None
