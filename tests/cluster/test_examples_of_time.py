"""The examples with windows, as their readers run them, against plain Python."""

import subprocess
import sys
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from wallarood.examples import access_log, sessions


def run(name: str, output: Path) -> list[str]:
    command = [sys.executable, "-m", "wallarood", "dev", f"wallarood.examples.{name}"]
    done = subprocess.run(
        [*command, "--workers", "2", "--", "--output", str(output)],
        cwd=output.parent,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return lines_in(output)


def read(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def lines_in(directory: Path) -> list[str]:
    return sorted(
        line for file in directory.glob("[!.]*") for line in file.read_text().splitlines()
    )


def test_sessions_are_the_visits_of_each_user(tmp_path: Path) -> None:
    found = run("sessions", tmp_path / "visits")

    clicks = [sessions.parse(line) for line in read(tmp_path / "visits-input.txt")]
    gap = timedelta(minutes=30)
    expected = []
    for user, own in groupby(sorted(clicks, key=lambda c: (c.user, c.at)), lambda c: c.user):
        visit: list[sessions.Click] = []
        for click in [*own, None]:
            if visit and (click is None or click.at >= visit[-1].at + gap):
                begin, end = visit[0].at, visit[-1].at + gap
                pages = f"{visit[0].page} {visit[-1].page}"
                expected.append(f"{user} {begin:%FT%T} {end:%FT%T} {len(visit)} {pages}")
                visit = []
            if click is not None:
                visit.append(click)
    assert found == sorted(expected)
    assert len(found) == 500


def test_the_access_log_is_summed_by_path_and_minute(tmp_path: Path) -> None:
    found = run("access_log", tmp_path / "minutes")

    sums: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for line in read(tmp_path / "minutes-input.log"):
        hit = access_log.parse(line)
        sums[f"{hit.at:%FT%R}", hit.path].update(
            hits=1, size=hit.size, errors=access_log.is_error(hit)
        )
    assert found == sorted(
        f"{minute} {path} {each['hits']} {each['size']} {each['errors']}"
        for (minute, path), each in sums.items()
    )
    tops = lines_in(tmp_path / "minutes-top")
    assert len(tops) == len({minute for minute, _ in sums})
    for line in tops:
        minute, *ranks = line.split()
        hits = sorted(
            (each["hits"] for (at, _), each in sums.items() if at == minute), reverse=True
        )
        assert [int(rank.partition("=")[2]) for rank in ranks] == hits[:10]
        assert all(sums[minute, rank.partition("=")[0]]["hits"] for rank in ranks)


def test_a_line_that_is_none_of_a_log_is_left_out() -> None:
    line = '1.2.3.4 - bob [01/Jan/2025:12:00:01 +0100] "GET /a?b=c HTTP/1.1" 404 - "-" "x"'
    hit = access_log.parse(line)

    assert (hit.path, hit.status, hit.size) == ("/a", 404, 0)
    assert hit.at.utcoffset() == timedelta(hours=1)
