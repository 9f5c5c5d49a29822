"""The page that is read before the others."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from tfcolor.commands.first_page import FirstPage
from tfcolor.commands.worklist import Job
from tfcolor.photographs.decoding import read_header
from tfcolor.photographs.reading import read_page

MOST = 10**6


@pytest.fixture
def jobs(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        Image.fromarray(data.astronaut()[:70, :91]).save(tmp_path / name)
    return [Job(str(tmp_path / name), (str(tmp_path / "results" / name),)) for name in ("a.jpg", "b.jpg")]


@pytest.mark.parametrize("with_truth", [False, True])
def test_it_is_what_read_page_gives_and_given_once(jobs, with_truth):
    header, other = (read_header(job.source, MOST) for job in jobs)
    with FirstPage(jobs, MOST, with_truth) as first:
        assert first.take(other, 0) is None and first.take(header, 1) is None
        page, expected = first.take(header, 0), read_page(header, 0, with_truth)
        assert first.take(header, 0) is None
    assert first.kind == (70, 91, np.uint8)
    np.testing.assert_array_equal(page.lightness, expected.lightness)
    assert (page.truth is None) == (expected.truth is None) == (not with_truth)
    assert page.metadata == expected.metadata


def test_without_photographs_there_is_none(jobs):
    header = read_header(jobs[0].source, MOST)
    with FirstPage([], MOST) as first:
        assert first.take(header, 0) is None and first.kind is None


def test_errors_are_left_to_those_who_read_it_again(jobs, tmp_path):
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-300])
    header = read_header(jobs[0].source, MOST)
    for most_pixels in (MOST, 10):
        with FirstPage(jobs, most_pixels) as first:
            assert first.take(header, 0) is None
