"""word_count counts what its own checker counts."""

from pathlib import Path

from wallarood.examples.word_count import app, options, split
from wallarood.testing import run


def test_every_update_is_a_line(tmp_path: Path) -> None:
    result = run(app(["--output", str(tmp_path)]), {"lines": ["to be or", "not  to\tbe", ""]})
    assert sorted(result["counts"]) == sorted(
        ["to\t1", "be\t1", "or\t1", "not\t1", "to\t2", "be\t2"]
    )


def test_the_updates_of_a_word_are_in_order(tmp_path: Path) -> None:
    result = run(app(["--output", str(tmp_path)]), {"lines": ["a b a"] * 500})
    assert [line for line in result["counts"] if line.startswith("a\t")] == [
        f"a\t{number}" for number in range(1, 1001)
    ]


def test_a_computation_is_a_plain_function_too() -> None:
    assert split(" to  be ") == ["to", "be"]


def test_the_default_input_is_the_text_of_the_help_topics(tmp_path: Path) -> None:
    (path,) = options(["--output", str(tmp_path)]).input
    assert len(Path(path).read_text(encoding="utf-8").split()) > 50_000
