"""`wallarood run`: a cluster of one, without any flag."""

import json
from pathlib import Path

from support.command import wallarood

COUNT = "wallarood.examples.word_count"


def test_a_cluster_of_one_without_any_flag_and_its_state(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a b a\n")
    arguments = ("--exit-on-completion", "--", "--input", "text", "--output", "out")
    done = wallarood("run", COUNT, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (output,) = (tmp_path / "out").glob("[!.]*")
    assert output.read_text() == "a\t1\nb\t1\na\t2\n"
    (state,) = (tmp_path / ".wallarood").iterdir()
    shown = wallarood("state", "show", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "(published)" in shown.stdout
    record = json.loads(wallarood("state", "show", "--json", cwd=tmp_path).stdout)
    assert record["worker"] == state.name
    reset = wallarood("state", "reset", cwd=tmp_path)
    assert "archived as" in reset.stdout
    again = wallarood("state", "show", cwd=tmp_path)
    assert "no cluster record" in again.stdout
    assert f"archived: 000001-{record['cluster_id']}" in again.stdout
