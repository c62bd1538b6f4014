"""What the killer must know of a system: its server, a source, a sink, and what a reader sees."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Any, Protocol

import attrs

from support.servers.process import Server

PARTS = 4
"""How many partitions, files or subjects there are at the beginning."""

Counts = list[tuple[str, int]]
"""Words and how often they had come, of one word in the order in which a reader finds them."""


class Trial(Enum):
    """What is done to a system."""

    KILLS = auto()
    AWAY = auto()
    STOPPED = auto()
    PUT_BACK = auto()


class Fed(Protocol):
    """What a run feeds words, to each of its `parts`, which are read in order."""

    parts: int

    def begin(self) -> None:
        """Make what must be there."""

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """Add words to parts."""

    def counts(self) -> Counts:
        """What a reader sees who is as strict as the system lets them be."""


class System(Fed, Protocol):
    """A system as one run uses it.

    `fed_by_server` is whether that takes the server, so that nothing can be fed while it is away.
    """

    server: Server
    fed_by_server: bool

    @property
    def source(self) -> str:
        """The source of words, as it stands in the application."""

    def sink(self, options: str = "") -> str:
        """The sink of pairs (word, count), as it stands in the application, with more *options*."""


def grow(system: System) -> None:
    """Add a part, by the system's own `grow` if it has that: else what is fed to it makes it."""
    if (own := getattr(system, "grow", None)) is not None:
        own()
    system.parts += 1


def leave(system: System) -> None:
    """Let the server be away: by the system's own `leave` if it has that."""
    getattr(system, "leave", system.server.kill)()


def come_back(system: System) -> None:
    """Let it be there again, with its data: by the system's own `come_back`."""
    getattr(system, "come_back", system.server.start)()


def end(system: Fed) -> None:
    """The run is over: by the system's own `end` if it has that."""
    getattr(system, "end", lambda: None)()


def told(system: Fed) -> str:
    """What the system has to tell of the run, by its own `told`; empty if it has none."""
    said = getattr(system, "told", "")
    return f"; {said}" if said else ""


@attrs.frozen
class Entry:
    """How to come to a system: `missing` says why it cannot be had, and is empty if it can.

    `use` makes it for one run: of a server, a directory, and a name that no other run has.
    """

    missing: Callable[[], str]
    server: Callable[[Path, int], Server]
    use: Callable[[Any, Path, str], System]
    fixture: str = ""
    """What tests call the server, if it is not the name of the system."""
    grows: bool = True
    """Whether partitions can be added under way."""
    is_durable: bool = True
    """Whether a server that is killed has all that it has acknowledged."""
    by_hand: frozenset[Trial] = frozenset()
    """What is not tried in each run of the tests, for it takes long."""
