"""wallarood-runbook(7) to the letter: its commands are taken from the page, and run."""

import re
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from support.command import END_S
from wallarood.cli.ctl import main

MAN = Path(__file__).parents[2] / "man"
STATE = "/var/lib/wallarood"
OF_A_HOST = ("systemctl", "journalctl", "install", "wallarood keys", "wallarood check")
"""What these do is seen under systemd: the operator's guide has the same commands."""
ACTS = ("checkpoint", "reload", "shutdown")


def text_of(page: str) -> str:
    """The man page *page* with hyphens as they are typed."""
    return (MAN / page).read_text(encoding="utf-8").replace("\\-", "-")


def commands_of(page: str) -> dict[str, list[str]]:
    """The commands that the examples of each section of the man page *page* have."""
    text = text_of(page)
    found: dict[str, list[str]] = {}
    _, *sections = re.split(r"^\.SH ", text, flags=re.M)
    for section in sections:
        name, _, rest = section.partition("\n")
        lines = "".join(re.findall(r"^\.EX\n(.*?)^\.EE", rest, re.S | re.M)).splitlines()
        found[name] = [re.split(r"\s+#", line)[0].strip() for line in lines]
    return found


@attrs.define(eq=False)
class Runbook:
    """Somebody has it open, and does what it says, at the worker whose state is in *state*."""

    state: Path
    steps: dict[str, list[str]]
    waiting: set[tuple[str, str]]
    """Alerts and steps that have not been done yet."""

    @classmethod
    def opened(cls, state: Path) -> "Runbook":
        """Nothing of it is done yet."""
        steps = {
            name: commands
            for name, commands in commands_of("wallarood-runbook.7").items()
            if name.startswith("Wallarood")
        }
        every = {(name, step) for name, found in steps.items() for step in found}
        page = "wallarood-operations.7"
        guide = {each for found in commands_of(page).values() for each in found}
        guide |= set(re.findall(r"^\.B (.*)", text_of(page), re.M))
        shown_there = {pair for pair in every if pair[1].startswith(OF_A_HOST)}
        unknown = {step for _, step in shown_there} - guide
        assert unknown == set(), "the operator's guide, which is run under systemd, has them not"
        return cls(state, steps, every - shown_there)

    def look(self, alert: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
        """Do all that only looks; returns what each step says."""
        return self._do(alert, capsys, acts=())

    def act(self, alert: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
        """Do what changes something, once the cause is gone."""
        return self._do(alert, capsys, acts=ACTS)

    def _do(
        self, alert: str, capsys: pytest.CaptureFixture[str], *, acts: tuple[str, ...]
    ) -> dict[str, str]:
        said = {}
        for step in dict.fromkeys(self.steps[alert]):
            is_order = step.startswith("wallarooctl") and step.split()[1] in ACTS
            if step.startswith(OF_A_HOST) or is_order is not bool(acts):
                continue
            said[step] = self._run(step, capsys)
            self.waiting.discard((alert, step))
        assert said, alert
        return said

    def _run(self, step: str, capsys: pytest.CaptureFixture[str]) -> str:
        program, *arguments = step.replace(STATE, str(self.state)).split()
        if program == "wallarooctl":
            capsys.readouterr()
            code = main([*arguments, "--socket", str(self.state / "admin.sock")])
            said = capsys.readouterr()
            assert code == 0, f"{step}: {said.err}"
            return said.out
        command = [sys.executable, "-m", "wallarood"] if program == "wallarood" else [program]
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, timeout=END_S, check=False
        )
        assert done.returncode == 0, f"{step}: {done.stderr}"
        return done.stdout
