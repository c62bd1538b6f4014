"""The examples with windows and joins, as their readers run them, against plain Python."""

import json
import random
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest
from support.command import end_of

from wallarood.examples import access_log, orders, sessions

CHAOS = ("--chaos", "--seed", "31")
"""The first kill of this seed comes soon, so that no machine is done before it."""


def run(name: str, output: Path, *flags: str, args: tuple[str, ...] = ()) -> list[str]:
    """Run an example; the lines that it has written. With chaos, workers have been killed."""
    command = [sys.executable, "-m", "wallarood", "dev", f"wallarood.examples.{name}", *flags]
    with subprocess.Popen(
        [*command, "--", "--output", str(output), *args],
        cwd=output.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        shown, said = end_of(process, 200)
    assert process.returncode == 0, shown + said
    if "--chaos" in flags:
        kills = re.search(r"chaos: (\d+) kills? \(", said)
        assert kills, said
        assert int(kills[1]) >= 1, said
    return lines_in(output)


def read(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def lines_in(directory: Path) -> list[str]:
    return sorted(
        line for file in directory.glob("[!.]*") for line in file.read_text().splitlines()
    )


def clicks_of(users: int, clicks: int) -> list[str]:
    """Clicks of users who come back, up to a minute out of order."""
    rng = random.Random(1)
    begin, lines = datetime(2025, 1, 1, tzinfo=UTC), []
    for number in range(clicks):
        at = begin + timedelta(seconds=number * 6 - rng.randint(0, 59))
        user = number * number % users + (number // 3000 % 7)
        lines.append(f"user{user} /page{number % 30} {at.isoformat()}")
    return lines


def visits_of(clicks: list[sessions.Click]) -> list[str]:
    """A line for each visit, from the clicks by user and time."""
    gap = timedelta(minutes=30)
    expected = []
    for user, own in groupby(sorted(clicks, key=lambda c: (c.user, c.at)), lambda c: c.user):
        visit: list[sessions.Click] = []
        for click in [*own, None]:
            if visit and (click is None or click.at >= visit[-1].at + gap):
                begin, end = visit[0].at, visit[-1].at + gap
                expected.append(f"{user} {begin:%FT%T} {end:%FT%T} {len(visit)}")
                visit = []
            if click is not None:
                visit.append(click)
    return sorted(expected)


@pytest.mark.long
@pytest.mark.parametrize("chaos", [(), CHAOS])
def test_sessions_are_the_visits_of_each_user(chaos: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "clicks.txt"
    file.write_text("\n".join(clicks_of(1009, 50_000 if chaos else 5_000)))

    args = ("--input", str(file))
    found = run("sessions", tmp_path / "visits", "--workers", "3", *chaos, args=args)

    clicks = [sessions.parse(line) for line in read(file)]
    # Of clicks at one time any may be the first or last.
    assert [line.rsplit(" ", 2)[0] for line in found] == visits_of(clicks)


def test_orders_are_paid_or_not_whatever_is_killed(tmp_path: Path) -> None:
    count = 40_000
    args = ("--orders", str(count))
    found = run("orders", tmp_path / "lines", "--workers", "3", *CHAOS, args=args)

    expected = []
    for number in range(count):
        paid = number % 10 != 9 and number % 25 != 24
        ordered = orders.order(number)
        name = orders.customer(ordered.customer).name
        expected.append((number, "paid" if paid else "unpaid", name))
        if not paid:
            expected.append((orders.payment(number).order, "payment without an order", ""))
    rows = [json.loads(line) for line in found]
    assert sorted((row["order"], row["status"], row["name"]) for row in rows) == sorted(expected)


def test_the_access_log_is_summed_by_path_and_minute(tmp_path: Path) -> None:
    found = run("access_log", tmp_path / "minutes", "--workers", "2")

    sums: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for line in read(tmp_path / "minutes" / ".combined.log"):
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
