"""docs/method.md: its Python session prints what the page says."""

import doctest
from pathlib import Path

METHOD = Path(__file__).parents[1] / "docs" / "method.md"


def test_the_session_prints_what_the_page_says():
    found = doctest.testfile(str(METHOD), module_relative=False)
    assert found.attempted > 10
    assert found.failed == 0
