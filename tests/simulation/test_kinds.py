"""Every kind of life can be lived for any seed, and one that fails says how to see it again."""

import subprocess
import sys
from pathlib import Path

import pytest
from world.__main__ import chunks, run_chunk
from world.errors import ViolationError
from world.kinds import KINDS

TESTS = Path(__file__).parents[1]


@pytest.mark.long
def test_every_kind_runs_from_the_command_line() -> None:
    command = [sys.executable, "-m", "world", "2", "8", "--of", "all"]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=True)
    for kind in KINDS:
        assert f"{kind}: 2 seeds" in done.stdout
    assert done.stdout.count("without a violation") == len(KINDS)


def test_a_life_that_fails_says_how_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def life(seed: int) -> None:
        if seed == 7:
            raise ViolationError("two clusters")

    monkeypatch.setitem(KINDS, "time", life)
    assert run_chunk("time", range(7)) == ""
    said = run_chunk("time", range(5, 9))
    assert "two clusters" in said
    assert said.endswith("python -m world 1 7 --of time")


def test_no_seed_is_left_out() -> None:
    pieces = chunks(range(50, 400))
    assert [seed for piece in pieces for seed in piece] == list(range(50, 400))
