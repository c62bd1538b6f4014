"""The checker of word_count accepts a right result and nothing else."""

from pathlib import Path

import pytest

from wallarood.examples.word_count_check import verify
from wallarood.model.errors import ApplicationError

CLUSTER = "wc-0123456789abcdef"
RIGHT = {"alpha-0": ["to\t1", "to\t2"], "beta-1": ["be\t1", "be\t2", "or\t1"]}


def checked(directory: Path, written: dict[str, list[str]], text: str = "to be or\nto be") -> str:
    source = directory / "in.txt"
    source.write_text(text, encoding="utf-8")
    for writer, lines in written.items():
        part = directory / f"counts@{writer}-{CLUSTER[-8:]}.0000.txt"
        part.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    args = ["--input", str(source), "--output", str(directory)]
    return "\n".join(verify(args, CLUSTER))


def test_a_right_result_is_verified(tmp_path: Path) -> None:
    said = checked(tmp_path, RIGHT)
    assert "counts verified: 5 words, 3 different" in said
    assert said.index("be") < said.index("to")


def test_an_empty_input_is_verified(tmp_path: Path) -> None:
    assert "counts verified: 0 words" in checked(tmp_path, {}, "")


def test_a_result_of_another_cluster_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "counts@alpha-0-deadbeef.0000.txt").write_text("to\t7\n")
    assert "counts verified" in checked(tmp_path, RIGHT)


@pytest.mark.parametrize(
    ("beta", "message"),
    [
        (["be\t1", "be\t2"], "1 of 3 words have a wrong count .'or': 0 instead of 1"),
        (["be\t1", "or\t1"], "'be': 1 instead of 2"),
        (["be\t1", "be\t2", "be\t3", "or\t1"], "'be': 3 instead of 2"),
        (["be\t2", "be\t1", "or\t1"], "'be' was counted 2 after 0, expected 1"),
        (["be\t1", "be\t1", "or\t1"], "'be' was counted 1 after 1, expected 2"),
        (["be\t1", "be\t2", "or\t1", "not\t1"], "'not': 1 instead of 0"),
        (["be\t1", "be\t2", "or\t1", "to\t3"], "by counts@alpha-0-.* and by counts@beta-1-"),
    ],
)
def test_a_wrong_result_is_named(tmp_path: Path, beta: list[str], message: str) -> None:
    with pytest.raises(ApplicationError, match=message):
        checked(tmp_path, {**RIGHT, "beta-1": beta})
