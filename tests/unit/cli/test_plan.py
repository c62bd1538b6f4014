"""`wallarood plan`: text, JSON and a graph of the stages."""

import json
from pathlib import Path

import pytest
from support.command import wallarood

COUNT = "wallarood.examples.word_count"


@pytest.mark.parametrize("shown", ["text", "json", "dot"])
def test_plan_shows_the_stages(shown: str, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("a b\n")
    done = wallarood(
        "plan", COUNT, "--workers", "x,y", "--format", shown, "--", "--input", str(text)
    )
    assert done.returncode == 0, done.stderr
    match shown:
        case "json":
            plan = json.loads(done.stdout)
            assert plan["workers"] == ["x", "y"]
            assert plan["stages"][1]["partitions"] == {"x": 128, "y": 128}
        case "dot":
            assert done.stdout.startswith('digraph "word count" {')
            assert "s0 -> s1" in done.stdout
        case _:
            assert "joined:    3 steps run as one" in done.stdout
            assert "count keeps state per key: records change worker here" in done.stdout
            assert "x 128, y 128 of 256 partitions" in done.stdout
