"""Input for the examples when none is given: made on the spot, the same on every worker.

Several workers may make a file at the same time: each writes the same bytes and renames them into
place, so a reader finds a whole file.
"""

import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

PAYMENTS = 20_000
ACCOUNTS = 97
ORDERS = 5_000
BAD_ORDERS = 5
ANSWERS = 20_000
USERS, CLICKS = 50, 5_000
HITS = 20_000


def topics_file(directory: Path) -> Path:
    """The English text of Python's own help topics, half a megabyte."""
    from pydoc_data.topics import topics  # noqa: PLC0415 - large, and needed here only

    return _made(directory, ".topics.txt", "\n".join(topics[name] for name in sorted(topics)))


def payments_file(directory: Path) -> Path:
    """Payments into accounts, a JSON object a line: ``{"account": "a-12", "cents": 1999}``."""
    lines = (
        json.dumps({"account": f"a-{number * 31 % ACCOUNTS}", "cents": number * 7919 % 10_000 + 1})
        for number in range(PAYMENTS)
    )
    return _made(directory, ".payments.jsonl", "".join(line + "\n" for line in lines))


def orders_file(directory: Path) -> Path:
    """Orders as CSV, with the names of the columns first; each thousandth has a price in words."""
    rows = [
        f"{number},{('AT', 'DE', 'FR', 'IT')[number * 7 % 4]},"
        f"{'ask us' if number % (ORDERS // BAD_ORDERS) == 0 else f'{number * 37 % 900 / 10}'},"
        f"{'' if number % 3 else '0.5'}"
        for number in range(1, ORDERS + 1)
    ]
    return _made(
        directory, ".orders.csv", "\r\n".join(["number,country,price,discount", *rows, ""])
    )


def access_log_file(directory: Path) -> Path:
    """Lines of a web server in the common log format; now and then one that is none."""
    lines = []
    for number in range(ANSWERS):
        host, minute = f"10.0.{number % 7}.{number % 251}", number // 334 % 60
        status = (200, 200, 304, 200, 404)[number % 5]
        request = f'[28/Nov/2026:10:{minute:02}:00 +0000] "GET /{number % 400} HTTP/1.1"'
        line = f"{host} - - {request} {status} {number % 9000}"
        lines.append("restarting" if number % 5000 == 4999 else line)
    return _made(directory, ".access.log", "".join(line + "\n" for line in lines))


def clicks_file(directory: Path) -> Path:
    """Clicks of a site: each user stays for a while, and comes back some hours later."""
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    lines = []
    for number in range(CLICKS):
        user, click = number % USERS, number // USERS
        minutes = click * 4 + click // 10 * (60 + user) + user % 3
        at = begin + timedelta(minutes=minutes)
        lines.append((at, f"user{user} /page{click * 7 % 30} {at.isoformat()}\n"))
    return _made(directory, ".clicks.txt", "".join(line for _, line in sorted(lines)))


def combined_log_file(directory: Path) -> Path:
    """An hour of a web server in the combined log format."""
    begin = datetime(2025, 1, 1, 12, tzinfo=UTC)
    lines = []
    for number in range(HITS):
        at = begin + timedelta(seconds=number * 3600 // HITS)
        status = 500 if number % 97 == 0 else 200
        page = number * number % 101 % 23
        lines.append(
            f"10.0.0.{number % 250} - - [{at:%d/%b/%Y:%H:%M:%S %z}] "
            f'"GET /page{page} HTTP/1.1" {status} {number % 5000} "-" "made up"\n'
        )
    return _made(directory, ".combined.log", "".join(lines))


def _made(directory: Path, name: str, text: str) -> Path:
    path = directory.absolute() / name
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).rename(path)
    return path
