"""What is sent where: the section `otel` of the configuration, with the files that it names."""

from collections.abc import Mapping
from enum import Enum
from importlib.util import find_spec
from pathlib import Path

import attrs

from wallarood import __version__
from wallarood.config.keys import Config
from wallarood.model.errors import ConfigurationError


class Protocol(Enum):
    """How it is sent."""

    HTTP = "http"
    GRPC = "grpc"


_NEEDED = {
    Protocol.HTTP: "opentelemetry.exporter.otlp.proto.http",
    Protocol.GRPC: "opentelemetry.exporter.otlp.proto.grpc",
}


@attrs.frozen
class TelemetrySettings:
    """The collector and what it is sent. `every`: one batch in so many is traced; 0: none.

    `headers` go with each request, `authority` is a file with certificates. `attributes` say of
    whom all of it is.
    """

    endpoint: str
    protocol: Protocol = Protocol.HTTP
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    authority: str | None = None
    interval_s: float = 10.0
    every: int = 1000
    attributes: Mapping[str, str] = attrs.field(factory=dict)


def telemetry_settings(config: Config, application: str) -> TelemetrySettings:
    """Those of *config*, which names an endpoint, for the worker of *application*.

    Raises ConfigurationError: a file is wrong, or the extra is not installed.
    """
    protocol = Protocol(config["otel.protocol"])
    if not _is_there(_NEEDED[protocol]):
        raise ConfigurationError(
            "otel.endpoint is set, which needs the OpenTelemetry SDK: pip install "
            "'wallarood[otel]'; beside the Debian package into the virtual environment that "
            "application.path names"
        )
    given = dict(each.split("=", 1) for each in config["otel.resource-attributes"])
    return TelemetrySettings(
        endpoint=config["otel.endpoint"],
        protocol=protocol,
        headers=_headers(config["otel.headers-file"]),
        authority=_authority(config["otel.authority"]),
        interval_s=config["otel.interval"],
        every=config["otel.batches-every"],
        attributes={
            "service.name": "wallarood",
            "service.version": __version__,
            "service.instance.id": config["worker.name"],
            "wallarood.application": application,
            "wallarood.worker": config["worker.name"],
            **given,
        },
    )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


def _headers(file: str | None) -> tuple[tuple[str, str], ...]:
    """The headers in *file*, each in a line of its own."""
    if file is None:
        return ()
    lines = _read(file, "otel.headers-file").splitlines()
    headers = []
    for number, line in enumerate(lines, 1):
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not line.strip() or line.startswith("#"):
            continue
        if not (colon and value and name.replace("-", "").isalnum() and name.isascii()):
            # Not what was found: it may be a secret.
            raise ConfigurationError(
                f"otel.headers-file: {file}, line {number}: expected NAME: VALUE"
            )
        headers.append((name, value))
    return tuple(headers)


def _authority(file: str | None) -> str | None:
    if file is not None and "-----BEGIN CERTIFICATE-----" not in _read(file, "otel.authority"):
        raise ConfigurationError(f"otel.authority: {file}: there is no certificate in it")
    return file


def _read(file: str, name: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{name}: {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{name}: {file}: it is not text: {error}") from error
