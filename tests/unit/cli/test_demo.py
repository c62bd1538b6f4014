"""The demo knows where an example wrote, and shows the beginning of it."""

from pathlib import Path

import pytest

from wallarood.cli.demo import EXAMPLES, output_directory, preview
from wallarood.loader import load_application


@pytest.mark.parametrize("args", [["--output", "x"], ["--n", "3", "--output=x"], ["--output=x"]])
def test_the_output_directory_is_found_among_other_arguments(args: list[str]) -> None:
    assert output_directory(args) == Path("x")


def test_a_preview_counts_every_line_of_this_cluster(tmp_path: Path) -> None:
    (tmp_path / "sums@alpha-0-01234567.0000.txt").write_text("a\nb\nc\nd\ne\n")
    (tmp_path / "sums@alpha-0-deadbeef.0000.txt").write_text("old\n")
    assert preview(["--output", str(tmp_path)], "wc-0000000001234567") == [
        "sums@alpha-0-01234567.0000.txt: 5 records",
        "  a",
        "  b",
        "  c",
    ]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_takes_an_output_directory(name: str, tmp_path: Path) -> None:
    assert load_application(f"wallarood.examples.{name}:app", ["--output", str(tmp_path)]).steps
