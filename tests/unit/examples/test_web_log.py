"""web_log counts answers by status, from whole files, from logs that rotate, and from a pipe."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.harness import wait_for

from wallarood.examples.samples import access_log_file
from wallarood.examples.web_log import Answer, app, parse
from wallarood.testing import run

COMMAND = [sys.executable, "-m", "wallarood", "run", "wallarood.examples.web_log"]


def line(status: int, size: int | str = 7) -> str:
    return f'::1 - - [28/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" {status} {size}'


def counted(directory: Path) -> list[str]:
    return sorted(
        text
        for file in (directory / "answers").glob("[!.]*")
        for text in file.read_text().splitlines()
    )


def test_answers_are_counted_by_status_and_other_lines_skipped(tmp_path: Path) -> None:
    lines = [line(200), "noise", line(404, "-"), line(200, 5)]
    result = run(app(["--output", str(tmp_path)]), {"lines": lines})
    assert list(map(tuple, result["counts"])) == [(200, 2, 12), (404, 1, 0)]


def test_the_sample_is_an_access_log(tmp_path: Path) -> None:
    lines = access_log_file(tmp_path).read_text().splitlines()
    assert parse(lines[4]) == Answer("10.0.4.4", 404, 4)
    with pytest.raises(ValueError, match="no line of an access log"):
        parse(lines[4999])


def test_standard_input_is_read_to_its_end(tmp_path: Path) -> None:
    text = f"{line(200)}\n{line(500)}\n"
    command = [*COMMAND, "--exit-on-completion", "--", "--stdin"]
    subprocess.run(command, cwd=tmp_path, input=text, text=True, check=True, timeout=60)
    assert counted(tmp_path) == ["200\t1\t7", "500\t1\t7"]


@contextmanager
def following(directory: Path) -> Iterator[None]:
    (directory / "fast.toml").write_text('[checkpoint]\ninterval = "100ms"\n')
    command = [*COMMAND, "--config", "fast.toml", "--cluster-id", "auto"]
    worker = subprocess.Popen([*command, "--", "--follow", "access.log"], cwd=directory)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(30)


def test_a_log_is_followed_when_it_is_rotated_and_after_a_restart(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(f"{line(200)}\n")
    expected = ["200\t1\t7"]
    with following(tmp_path):
        wait_for("the first line", lambda: counted(tmp_path) == expected)
        log.rename(tmp_path / "access.log.1")
        log.write_text(f"{line(404)}\n")
        expected.append("404\t1\t7")
        wait_for("the rotated log", lambda: counted(tmp_path) == expected)
    with log.open("a") as file:
        file.write(f"{line(200)}\n")
    expected.insert(1, "200\t2\t14")
    with following(tmp_path):
        wait_for("what came meanwhile", lambda: counted(tmp_path) == expected)
