"""The configuration: every key with its default, unit and bounds, once.

A key is written ``section.key`` in messages. `Config` holds effective values, durations in seconds
and sizes in bytes; `wallarood.config.load` reads it from files and flags.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

from wallarood.config.key import Key, Kind
from wallarood.config.limits import LIMITS

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
        "join",
        Kind.SWITCH,
        False,
        "Whether a worker without a cluster joins one that runs; control-channel names a member.",
    ),
    Key(
        "worker",
        "state-directory",
        Kind.TEXT,
        None,
        "Where this worker keeps its state; default: $STATE_DIRECTORY, or .wallarood/NAME.",
    ),
    Key(
        "cluster",
        "evict-after",
        Kind.DURATION,
        None,
        "A member that all others miss for so long is evicted; default: by an operator only.",
        1,
        86400,
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
    Key(
        "security",
        "tap",
        Kind.SWITCH,
        True,
        "Whether operators are shown keys, and samples of records; if not, only numbers.",
    ),
    *LIMITS,
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
    Key(
        "admin",
        "http",
        Kind.ADDRESS,
        None,
        "Where to serve the dashboard, the HTTP API and /metrics, as HOST:PORT; default: nowhere.",
    ),
    Key(
        "admin",
        "token-file",
        Kind.TEXT,
        None,
        "File with the token that HTTP clients must show; needed beyond loopback, and for orders.",
    ),
    Key(
        "admin",
        "certificate",
        Kind.TEXT,
        None,
        "File with the certificate for HTTPS; needed beyond loopback.",
    ),
    Key("admin", "private-key", Kind.TEXT, None, "File with the private key of admin.certificate."),
    Key(
        "admin",
        "growth-after",
        Kind.DURATION,
        300.0,
        "For how long the state of a computation must have grown before 'wallarooctl why' says so.",
        1,
        86400,
    ),
    Key(
        "otel",
        "endpoint",
        Kind.TEXT,
        None,
        "The OpenTelemetry collector, as http://HOST:PORT or https://…; default: none is sent to.",
    ),
    Key(
        "otel",
        "protocol",
        Kind.CHOICE,
        "http",
        "How the collector is spoken to: Protobuf over HTTP, or gRPC.",
        choices=("http", "grpc"),
    ),
    Key(
        "otel",
        "headers-file",
        Kind.TEXT,
        None,
        "File with headers for the collector, as its token: NAME: VALUE, one a line.",
    ),
    Key(
        "otel",
        "authority",
        Kind.TEXT,
        None,
        "File with the certificate of the authority for the collector's; default: the system's.",
    ),
    Key(
        "otel",
        "interval",
        Kind.DURATION,
        10.0,
        "Time between two sendings of metrics.",
        1,
        3600,
    ),
    Key(
        "otel",
        "batches-every",
        Kind.NUMBER,
        1000,
        "One batch in so many is traced from its source to its sinks; 0: none.",
        0,
        1_000_000_000,
    ),
    Key(
        "otel",
        "resource-attributes",
        Kind.TEXTS,
        (),
        'What is sent says of itself, as "deployment.environment.name=production".',
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
