"""The command line: exit codes, messages, and what stands behind ``--``."""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import wallarood

from wallarood.cli.ctl.command import parser as ctl_parser
from wallarood.cli.main import parser

COUNT = "wallarood.examples.word_count"


@pytest.mark.parametrize("command", ["run", "dev", "demo", "check", "plan", "state"])
def test_every_command_has_help(command: str) -> None:
    done = wallarood(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: wallarood {command}")


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("run", "--nonsense"), ("plan",), ("plan", COUNT, "--workers", "a,a"),
     ("plan", COUNT, "--workers", "0"), ("run", COUNT, "--worker-count", "three"),
     ("run", COUNT, "--worker-name", "a b"), ("state", "explode"), ("run",)],
)  # fmt: skip
def test_wrong_usage_ends_64_or_78_with_a_message(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = wallarood(*arguments, cwd=tmp_path)
    assert done.returncode in (64, 78), done
    assert "error:" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rnu", "app.py"), "unknown command 'rnu': did you mean run?"),
        (("run", "app.py", "--worker-coutn", "3"), "--worker-coutn: did you mean --worker-count?"),
        (("run", "app.py", "--input", "x"), "--input; flags of the application stand after --"),
        (("plan", "app.py", "--format", "yaml"), "'yaml': expected text, json, dot"),
        (("dev",), "required: APP\n"),
        (("dev", "--page", "app.py"), "'app.py' is no port (1 to 65535): write --page after what"),
        (("state", "shwo"), "unknown action 'shwo': did you mean show?"),
        (("keys", "isue"), "did you mean issue?"),
        (("run", "notes.txt"), "expected module:name, or the path of a file that ends in .py"),
        (("run", COUNT, "--worker-count", "2"), "error: worker.control-channel: a cluster of 2"),
    ],
)
def test_what_was_meant_is_said(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    done = wallarood(*arguments, cwd=tmp_path)
    assert said in done.stderr
    assert "usage:" not in done.stderr


@pytest.mark.parametrize("top", [parser(), ctl_parser()], ids=["wallarood", "wallarooctl"])
def test_each_command_is_listed_beside_what_it_does(top: argparse.ArgumentParser) -> None:
    shown = top.format_help()
    names = re.findall(r"^ {4}(\w+)", shown, re.M)
    assert len(names) >= 8
    for name in names:
        assert re.search(rf"^ {{4}}{name} {{2,}}\w", shown, re.M), name


def test_without_a_command_all_of_them_are_listed() -> None:
    done = wallarood()
    assert done.returncode == 64
    assert "run one worker in the foreground" in done.stderr


def test_the_version() -> None:
    assert wallarood("--version").stdout == "wallarood 0.1.0\n"


def test_output_that_nobody_reads_any_more_ends_a_command_without_a_word() -> None:
    """Also where it was written in a task among others, as by ``wallarood dev``."""
    program = (
        "import sys\n"
        "from wallarood.cli.main import guarded\n"
        "def run() -> int:\n"
        "    try:\n"
        "        for _ in range(100_000):\n"
        "            print('line', flush=True)\n"
        "    except BrokenPipeError as error:\n"
        "        raise ExceptionGroup('tasks', [error]) from None\n"
        "    return 1\n"
        "sys.exit(guarded('wallarood', run))\n"
    )
    command = f'"{sys.executable}" -c "$PROGRAM" | head -1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", command], env={**os.environ, "PROGRAM": program}, check=False, timeout=30,
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "line\n", "")
