"""The configuration: every key with its default, unit and bounds, once.

A key is written ``section.key`` in messages. `Config` holds effective values, durations in seconds
and sizes in bytes; `wallarood.config.load` reads it from files and flags.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any

import attrs

from wallarood.config.units import show_duration, show_size


class Kind(Enum):
    """What a value looks like in TOML."""

    TEXT = "a string"
    NUMBER = "an integer"
    SWITCH = "true or false"
    DURATION = 'a duration such as "5s"'
    SIZE = 'a size such as "64MiB"'
    ADDRESS = 'an address "HOST:PORT"'
    TEXTS = "a list of strings"
    CHOICE = "one of a few words"


@attrs.frozen
class Key:
    """One configuration key. Bounds are inclusive; *choices* are for CHOICE."""

    section: str
    name: str
    kind: Kind
    default: Any
    help: str
    at_least: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """``section.name``."""
        return f"{self.section}.{self.name}"

    def show(self, value: Any) -> str:
        """*value* as it would stand in TOML; empty for one that has no default."""
        match self.kind, value:
            case _, None:
                return ""
            case Kind.SWITCH, _:
                return "true" if value else "false"
            case Kind.NUMBER, _:
                return str(value)
            case Kind.DURATION, _:
                return f'"{show_duration(value)}"'
            case Kind.SIZE, _:
                return f'"{show_size(value)}"'
            case Kind.TEXTS, _:
                return "[" + ", ".join(f'"{each}"' for each in value) + "]"
            case _:
                return f'"{value}"'


MIB = 1 << 20

KEYS: tuple[Key, ...] = (
    Key("worker", "name", Kind.TEXT, None, "Unique name of this worker; default: the host name."),
    Key("worker", "count", Kind.NUMBER, 1, "How many workers the cluster has.", 1, 1024),
    Key(
        "worker",
        "control-channel",
        Kind.ADDRESS,
        "127.0.0.1:0",
        "Where the initializer listens and all others connect to, as HOST:PORT.",
    ),
    Key(
        "worker",
        "topology-initializer",
        Kind.SWITCH,
        None,
        "Whether this worker is the initializer; default: true for a cluster of one.",
    ),
    Key(
        "worker",
        "cluster-id",
        Kind.TEXT,
        None,
        'The cluster to rejoin, or "auto" for the one on disk; default: a new cluster.',
    ),
    Key(
        "worker",
        "state-directory",
        Kind.TEXT,
        None,
        "Where this worker keeps its state; default: $STATE_DIRECTORY, or .wallarood/NAME.",
    ),
    Key(
        "application",
        "target",
        Kind.TEXT,
        None,
        'The application: "module:name" or "path/to/file.py:name".',
    ),
    Key(
        "application",
        "path",
        Kind.TEXTS,
        (),
        "Directories with the application's modules, or virtual environments with its packages.",
    ),
    Key("application", "args", Kind.TEXTS, (), "Arguments of the application."),
    Key(
        "application",
        "exit-on-completion",
        Kind.SWITCH,
        False,
        "Whether to end when a bounded input is done.",
    ),
    Key(
        "listen",
        "control",
        Kind.ADDRESS,
        None,
        "Where to listen for control channels; default: the address towards the initializer.",
    ),
    Key(
        "listen",
        "data",
        Kind.ADDRESS,
        None,
        "Where to listen for data channels; default: as for control, on a free port.",
    ),
    Key(
        "listen",
        "advertise",
        Kind.TEXT,
        None,
        "The host name or IP address that peers are told; default: the one listened on.",
    ),
    Key("security", "key-file", Kind.TEXT, None, "File with the cluster key, 32 bytes or more."),
    Key(
        "security",
        "certificate",
        Kind.TEXT,
        None,
        "File with the certificate of this worker, for TLS; see 'wallarood keys'.",
    ),
    Key(
        "security", "private-key", Kind.TEXT, None, "File with the private key of the certificate."
    ),
    Key(
        "security",
        "authority",
        Kind.TEXT,
        None,
        "File with the certificate of the authority that made those of all workers.",
    ),
    Key("timing", "heartbeat", Kind.DURATION, 1.0, "Time between two heartbeats.", 0.05, 60),
    Key(
        "timing",
        "liveness-deadline",
        Kind.DURATION,
        5.0,
        "A peer that is silent for so long is missing.",
        0.2,
        3600,
    ),
    Key(
        "timing",
        "formation-deadline",
        Kind.DURATION,
        60.0,
        "How long to wait for a new cluster to come together.",
        1,
        86400,
    ),
    Key(
        "timing",
        "handshake-deadline",
        Kind.DURATION,
        5.0,
        "How long a new connection may take to say who it is.",
        0.1,
        60,
    ),
    Key(
        "timing",
        "connect-backoff-max",
        Kind.DURATION,
        1.0,
        "Longest pause between two attempts to connect.",
        0.05,
        60,
    ),
    Key(
        "timing",
        "name-taken-wait",
        Kind.DURATION,
        2.0,
        "How long a connected worker may take to defend its name.",
        0.1,
        60,
    ),
    Key(
        "timing",
        "completion-wait",
        Kind.DURATION,
        60.0,
        "How long to wait for a missing peer when all own work is done.",
        1,
        86400,
    ),
    Key(
        "timing",
        "stop",
        Kind.DURATION,
        8.0,
        "How long a worker that stops may take; a last checkpoint that gets on prolongs it.",
        0.5,
        3600,
    ),
    Key(
        "checkpoint",
        "interval",
        Kind.DURATION,
        5.0,
        "Time between the beginnings of two checkpoints.",
        0.05,
        86400,
    ),
    Key(
        "checkpoint",
        "deadline",
        Kind.DURATION,
        30.0,
        "A checkpoint that makes no progress for this long is abandoned, and the next one begins.",
        0.5,
        86400,
    ),
    Key(
        "limits",
        "batch-records-max",
        Kind.NUMBER,
        2048,
        "Records that one batch holds at most; where they are divided among several workers, so "
        "many for each of them, up to four.",
        1,
        65536,
    ),
    Key(
        "limits",
        "batch-bytes-max",
        Kind.SIZE,
        MIB,
        "Bytes that a source reads into one batch at most.",
        1024,
        256 * MIB,
    ),
    Key(
        "limits",
        "record-bytes-max",
        Kind.SIZE,
        16 * MIB,
        "Bytes that one record of a source may have.",
        64,
        256 * MIB,
    ),
    Key(
        "limits",
        "frame-bytes-max",
        Kind.SIZE,
        32 * MIB,
        "Bytes that one frame between two workers may have.",
        4096,
        1024 * MIB,
    ),
    Key(
        "limits",
        "window-bytes",
        Kind.SIZE,
        2 * MIB,
        "Bytes in flight on an edge from one worker to another before the sender waits.",
        1024,
        1024 * MIB,
    ),
    Key(
        "limits",
        "inbox-batches-max",
        Kind.NUMBER,
        4,
        "Batches that wait for a stage from one local sender.",
        1,
        1024,
    ),
    Key(
        "limits",
        "batch-time-budget",
        Kind.DURATION,
        0.005,
        "How long user code should hold the event loop at once.",
        0.0005,
        1,
    ),
    Key(
        "limits",
        "blocking-call-max",
        Kind.DURATION,
        600.0,
        "How long one call of a blocking computation may take before it counts as stuck.",
        1,
        86400,
    ),
    Key(
        "limits",
        "control-message-bytes-max",
        Kind.SIZE,
        16 * MIB,
        "Bytes that one control message may have.",
        65536,
        256 * MIB,
    ),
    Key(
        "limits",
        "unauthenticated-connections-max",
        Kind.NUMBER,
        64,
        "Connections on one listener that have not said yet who they are.",
        1,
        4096,
    ),
    Key(
        "log",
        "level",
        Kind.CHOICE,
        "info",
        "The least severe messages that are logged.",
        choices=("debug", "info", "warning", "error"),
    ),
    Key(
        "log",
        "format",
        Kind.CHOICE,
        "auto",
        "Colours on a terminal and plain text elsewhere, or always one of them, or JSON.",
        choices=("auto", "text", "json"),
    ),
    Key(
        "admin",
        "socket",
        Kind.TEXT,
        None,
        "Unix socket for wallarooctl; default: admin.sock in $RUNTIME_DIRECTORY or with the state.",
    ),
)

BY_NAME: Mapping[str, Key] = MappingProxyType({key.full_name: key for key in KEYS})


@attrs.frozen
class Config:
    """Effective values and where each came from. Read values with ``config["section.key"]``."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]

    def __getitem__(self, name: str) -> Any:
        """The value of ``section.key``. Raises KeyError: there is no such key."""
        return self.values[name]

    def origin(self, name: str) -> str:
        """The file or flag that a value came from; "default" if none."""
        return self.origins.get(name, "default")
