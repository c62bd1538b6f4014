"""Tests wait for a sign as long as the machine is slow, and not for a fixed time."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
FIXED = re.compile(r"\btrio\.fail_after\((\d+(?:\.\d+)?)\)")
MADE_UP_S = 100
"""Nothing takes so long but where the clock is made up."""
KINDS = ("unit", "cluster", "servers", "browser", "systemd", "simulation")


def test_no_test_gives_a_slow_machine_the_time_of_a_fast_one() -> None:
    """`support.patience.patiently` waits as many times longer as it is slower."""
    lines = [
        (path.relative_to(TESTS), number, line)
        for kind in KINDS
        for path in sorted((TESTS / kind).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "trio.fail_after(" in line and "TooSlowError" not in line
    ]
    fixed = [
        f"{path}:{number}"
        for path, number, line in lines
        for seconds in FIXED.findall(line)
        if float(seconds) < MADE_UP_S
    ]
    assert fixed == []
