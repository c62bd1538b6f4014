"""The sample inputs are the same whoever makes them, and whole whenever they are seen."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wallarood.examples.samples import PAYMENTS, payments_file, topics_file


def test_workers_that_make_a_file_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        paths = set(threads.map(payments_file, [tmp_path] * 8))
    (path,) = paths
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == PAYMENTS
    assert set(json.loads(lines[-1])) == {"account", "cents"}
    assert list(tmp_path.iterdir()) == [path]


def test_a_sample_is_hidden_so_that_nobody_takes_it_for_a_result(tmp_path: Path) -> None:
    assert topics_file(tmp_path).name.startswith(".")
    assert topics_file(tmp_path).read_text(encoding="utf-8").strip()
