"""A request and what is answered, as values."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import attrs

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
PARAMETERS_MAX = 32


@attrs.frozen
class Request:
    """What a client asks. Names of headers are in lower case.

    `keeps` is whether the client may ask more on the same connection.
    """

    method: str
    path: str
    query: Mapping[str, str] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    client: str = ""
    """The client's address; empty on a unix socket."""
    keeps: bool = False

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str]) -> "Request":
        """A request for *target*. Raises ValueError: it has too many parameters."""
        path, _, query = target.partition("?")
        given = parse_qsl(query, keep_blank_values=True, max_num_fields=PARAMETERS_MAX)
        return cls(method, path, dict(given), headers)


@attrs.frozen
class Reply:
    """An answer that is there as a whole."""

    code: int
    body: bytes
    kind: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


@attrs.frozen
class Events:
    """An answer that goes on: each item is the data of a server-sent event, one line of text."""

    lines: AsyncGenerator[str, None]


Answer: TypeAlias = Callable[[Request], Awaitable[Reply | Events]]


def value_reply(value: Any, code: int = 200) -> Reply:
    """A JSON value."""
    return Reply(code, json.dumps(value).encode() + b"\n")


def error_reply(code: int, text: str, *headers: tuple[str, str]) -> Reply:
    """Why there is no other answer."""
    return Reply(code, json.dumps({"error": text}).encode() + b"\n", headers=headers)
