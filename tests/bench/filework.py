"""The user functions of `make bench-files`: all contestants call these very functions.

Nothing but the standard library is imported here, and msgspec and orjson where they are used.
"""

import contextlib
import dataclasses
import datetime
import re
from typing import Any
from urllib.parse import urlsplit

with contextlib.suppress(ImportError):
    import msgspec

    class Order(msgspec.Struct):
        id: int
        user: str
        amount: int
        note: str

    def change_order(order: Order) -> Order:
        order.amount *= 2
        return order


def split(line: str) -> list[str]:
    return line.split()


def measure(word: str) -> tuple[str, int]:
    return word, len(word)


def double(row: dict[str, str]) -> dict[str, Any]:
    return {"key": row["key"], "value": int(row["value"]) * 2}


def change(order: dict[str, Any]) -> dict[str, Any]:
    order["amount"] *= 2
    return order


# Keyed sums.


@dataclasses.dataclass(slots=True)
class Total:
    value: int = 0


def user_of(order: dict[str, Any]) -> str:
    user: str = order["user"]
    return user


def add(order: dict[str, Any], total: Total) -> dict[str, Any]:
    total.value += order["amount"]
    return {"user": order["user"], "sum": total.value}


# A log of a web server: some 20 us of user code a record.

_REQUEST = re.compile(
    r'(?P<host>\S+) \S+ \S+ \[(?P<time>[^]]+)\] "(?P<method>\S+) (?P<url>\S+) [^"]*" '
    r"(?P<status>\d{3}) (?P<size>\d+|-)"
)


def parse_request(line: str) -> dict[str, Any] | None:
    found = _REQUEST.match(line)
    if found is None:
        return None
    when = datetime.datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z")
    return {
        "host": found["host"],
        "hour": when.hour,
        "path": urlsplit(found["url"]).path,
        "status": int(found["status"]),
        "size": 0 if found["size"] == "-" else int(found["size"]),
    }


def is_served(request: dict[str, Any]) -> bool:
    status: int = request["status"]
    return status < 400


def path_of(request: dict[str, Any]) -> str:
    path: str = request["path"]
    return path


def add_size(request: dict[str, Any], total: Total) -> tuple[str, int, int]:
    total.value += request["size"]
    return request["path"], request["hour"], total.value
