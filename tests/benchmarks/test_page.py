"""The table of docs/performance.md: that it shows today's results, and what it makes of them."""

import json

from benchmarks import page
from benchmarks.measure import RESULTS, row


def test_the_page_has_the_table_of_the_results_and_is_short():
    text = page.PAGE.read_text()
    assert text.split(page.BEGIN)[1].split(page.END)[0] == page.table(RESULTS), "run python -m benchmarks.page"
    assert len(text.splitlines()) < 100


def test_rows_with_a_bar_are_shown(tmp_path):
    rows = [
        row("fast", [1.0, 2.0, 3.0], "x", ">= 1.5"),
        row("slow", [0.12345], "x", ">= 1.5"),
        row("unimportant", [7.0], "s"),
        row("scan", [1234.5], "images/s"),
        row("with matrix units", [2.0], "x", ">= 4", needs="no such unit"),
    ]
    (tmp_path / "scan.json").write_text(json.dumps({"rows": [vars(each) for each in rows]}))
    assert page.table(tmp_path).splitlines()[2:] == [
        "| `scan` | fast | 2 x | 1 ... 3 | ≥ 1.5 | yes |",
        "| `scan` | slow | 0.123 x |  | ≥ 1.5 | **no** |",
        "| `scan` | scan | 1,234 images/s |  |  |  |",
        "| `scan` | with matrix units | 2 x |  | ≥ 4 | needs `no such unit` |",
    ]
