"""Names of parts say whose they are, and what has appeared is known after a crash."""

from pathlib import Path

from wallarood.app.connector import SinkContext
from wallarood.connectors.file.parts import Appeared, PartNames, final_name, parts_of_others

HERE = SinkContext("app", "wc-0123456789", "alpha", "out", 0, life="1-aaaaaaaa")


def test_a_hidden_part_is_known_by_its_number_and_appears_under_its_final_name() -> None:
    names = PartNames.of(HERE, "tsv")
    hidden = names.hidden(12)
    assert hidden == ".out@alpha-0-23456789.000012.tsv.1-aaaaaaaa.part"
    assert final_name(hidden) == "out@alpha-0-23456789.000012.tsv"
    assert names.number_of(hidden) == names.number_of(final_name(hidden)) == 12
    for other in ("out@alpha-1-23456789.000012.tsv", "xout@alpha-0-23456789.1.tsv", "notes.tsv"):
        assert names.number_of(other) is None


def test_only_parts_of_this_step_by_other_clusters_are_found(tmp_path: Path) -> None:
    others = ["out@beta-0-abcdefab.000001.tsv", ".out@beta-0-abcdefab.000002.tsv.1-b.part"]
    for name in (*others, "out@beta-0-23456789.000001.tsv", "in@beta-0-abcdefab.000001.tsv", "x"):
        (tmp_path / name).write_text("")
    assert {path.name for path in parts_of_others(tmp_path, HERE)} == set(others)


def test_what_has_appeared_is_known_to_the_next_life_but_for_what_is_void(tmp_path: Path) -> None:
    appeared = Appeared(tmp_path / "state", following=0)
    assert 0 not in appeared
    appeared.note(3)
    appeared.note(2)
    again = Appeared(tmp_path / "state", following=4)
    assert 3 in again
    assert 4 not in again
    back = Appeared(tmp_path / "state", following=2)  # the cluster has gone back before part 2
    assert 1 in back
    assert 2 not in back
    assert 2 not in Appeared(tmp_path / "state", following=9)
