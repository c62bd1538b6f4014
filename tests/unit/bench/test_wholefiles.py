"""`make bench-files`: every result is checked, and a wrong one is found."""

import sys
from pathlib import Path

import pytest
from bench import filedata, wholefiles

SIZE = 200


CASES = [
    *(("loop", workload) for workload in ("lines", "tsv", "csv", "json", "sum", "typed", "weblog")),
    pytest.param("ours", "csv", marks=pytest.mark.long),
    ("ours", "sum"),
]


@pytest.mark.parametrize(("contestant", "workload"), CASES)
def test_an_output_is_right_and_a_changed_one_is_not(
    tmp_path: Path, workload: str, contestant: str
) -> None:
    path = tmp_path / "input"
    filedata.write_input(path, workload, SIZE, seed=1)
    cost, output = wholefiles.run_once(contestant, workload, path, python=Path(sys.executable))
    assert cost.cpu_s > 0
    assert filedata.mistake_in(output, workload, SIZE, seed=1) == ""
    lines = output.splitlines()
    del lines[SIZE // 2]
    assert "lines, expected" in filedata.mistake_in("\n".join(lines), workload, SIZE, seed=1)
    lines = output.splitlines()
    lines[SIZE // 2] = lines[SIZE // 2 + 1] = lines[0]
    assert "expected" in filedata.mistake_in("\n".join(lines), workload, SIZE, seed=1)


def test_start_up_is_taken_off() -> None:
    whole, start = wholefiles.Cost(3.0, 2.0), wholefiles.Cost(1.0, 0.5)
    assert whole.less(start) == wholefiles.Cost(2.0, 1.5)
    row = wholefiles.row(
        "lines", 1000, {"ours": [whole.less(start)], "loop": [start]}, names=["ours", "loop"]
    )
    assert row == ["lines", "500", "1,000", "0.50 (0.33)"]
