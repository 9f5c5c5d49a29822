"""The first photograph, which is read while TensorFlow is loaded."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from tfcolor.commands.worklist import Job
from tfcolor.photographs.decoding import Header, decode, read_header
from tfcolor.photographs.pixels import UnreadableImage
from tfcolor.photographs.reading import Page, read_page


class FirstPage:
    """The first page of the first photograph. If it cannot be read, whoever reads it again finds out why.

    kind: its height, its width, and the type of its levels, uint8 or uint16; None as long as it is not decoded.
    """

    def __init__(self, jobs: list[Job], max_pixels: int, with_truth: bool = False):
        """Start to read in a thread.

        Args:
            jobs: the photographs; there may be none.
            max_pixels: the largest number of pixels of a page.
            with_truth: see `reading.read_page`.
        """
        self._path = jobs[0].source if jobs else None
        self.kind: tuple[int, int, type] | None = None
        self._pool = ThreadPoolExecutor(1)
        self._page: Future | None = self._pool.submit(self._read, max_pixels, with_truth) if jobs else None

    def __enter__(self) -> "FirstPage":
        """Return itself."""
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Wait for the thread."""
        self._pool.shutdown(cancel_futures=True)

    def take(self, header: Header, index: int) -> Page | None:
        """Return a page if it is this one, once; else None."""
        if self._page is None or index or header.path != self._path:
            return None
        page, self._page = self._page.result(), None
        return page

    def _read(self, max_pixels: int, with_truth: bool) -> Page | None:
        try:
            header = read_header(self._path, max_pixels)
            raster = decode(header)
            height, width, _ = raster.pixels.shape
            self.kind = height, width, raster.pixels.dtype.type
            return read_page(header, 0, with_truth, raster)
        except UnreadableImage:
            return None
