"""Reading the configuration: files in lexical order, then flags; all mistakes at once."""

import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli

from wallarood.config.eviction import wrong_eviction
from wallarood.config.key import Key, Kind
from wallarood.config.keys import BY_NAME, KEYS, Config
from wallarood.config.units import parse_duration, parse_size
from wallarood.model.errors import ConfigurationError, UsageError
from wallarood.model.ids import check_worker_name, is_loopback, parse_address
from wallarood.wire.strict import StructureError, structure

CONFIGURATION_DIRECTORY = Path("/etc/wallaroo")

Found = tuple[str, str, Any]
"""Where a value comes from, the full name of its key, and the raw value."""


def configuration_files(directory: Path, instance: str | None = None) -> list[Path]:
    """The files of a configuration directory, in the order in which they count.

    All its ``*.toml`` in lexical order; for one *instance* of several on a host ``wallarood.toml``,
    those whose names begin with a digit, and then ``INSTANCE.toml``.
    """
    files = sorted(directory.glob("*.toml"))
    if instance is None:
        return files
    common = [each for each in files if each.name == "wallarood.toml" or each.name[0].isdigit()]
    return [*common, directory / f"{instance}.toml"]


def load_config(
    paths: Iterable[Path], flags: Mapping[str, tuple[str, Any]], keys: Path | None = None
) -> Config:
    """Merge TOML files in the order given, then *flags* (full name → flag, raw value).

    A path may be a directory: then all its ``*.toml``, in lexical order. Secrets that none of them
    names are those that systemd has handed over; else those in the directory *keys*, if given.

    Raises ConfigurationError: with a line for every mistake in any file or flag.
    """
    config = read_config(paths, flags, keys)
    _check_together(config)
    return config


def read_config(
    paths: Iterable[Path], flags: Mapping[str, tuple[str, Any]], keys: Path | None = None
) -> Config:
    """What `load_config` loads, for who starts no worker: whether it goes together is not asked.

    Raises ConfigurationError.
    """
    problems: list[str] = []
    found: list[Found] = []
    for path in paths:
        for file in configuration_files(path) if path.is_dir() else [path]:
            found.extend(_read(file, problems))
    found.extend((f"flag {flag}", name, raw) for name, (flag, raw) in flags.items())
    values = {key.full_name: key.default for key in KEYS}
    origins: dict[str, str] = {}
    for origin, name, raw in found:
        try:
            values[name] = value_of(BY_NAME[name], raw)
            origins[name] = origin
        except (ValueError, UsageError) as error:
            problems.append(f"{origin}: {name}: {error}")
    if problems:
        raise ConfigurationError("\n".join(problems))
    _from_credentials(values, origins, keys)
    return Config(_with_derived(values), origins)


def _read(path: Path, problems: list[str]) -> list[Found]:
    try:
        document = tomli.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        problems.append(f"{path}: cannot be read: {reason}")
        return []
    except tomli.TOMLDecodeError as error:
        problems.append(f"{path}: not valid TOML: {error}")
        return []
    found: list[Found] = []
    for section, content in document.items():
        names = {key.full_name for key in KEYS if key.section == section}
        if not names:
            problems.append(f"{path}: {_unknown('section', section, {k.section for k in KEYS})}")
        elif not isinstance(content, dict):
            problems.append(f"{path}: {section}: found {content!r:.40}, expected a table")
        else:
            for name, raw in content.items():
                full = f"{section}.{name}"
                if full in names:
                    found.append((str(path), full, raw))
                else:
                    problems.append(f"{path}: {_unknown('key', full, names)}")
    return found


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 - for mistakes only

    close = difflib.get_close_matches(name, sorted(known), 1)
    hint = f"; did you mean {close[0]}?" if close else f"; known: {', '.join(sorted(known))}"
    return f"unknown {what} {name}{hint}"


_TYPES: dict[Kind, Any] = {Kind.NUMBER: int, Kind.SWITCH: bool, Kind.TEXTS: list[str]}


def value_of(key: Key, raw: Any) -> Any:
    """The value of *key* that *raw* means. Raises ValueError or UsageError: it means none."""
    try:
        value: Any = structure(raw, _TYPES.get(key.kind, str))
    except StructureError:
        shown = f"{type(raw).__name__} {raw!r:.40}"
        raise ValueError(f"found {shown}, expected {key.kind.value}") from None
    match key.kind:
        case Kind.DURATION:
            value = parse_duration(value)
        case Kind.SIZE:
            value = parse_size(value)
        case Kind.ADDRESS:
            value = str(parse_address(value))
        case Kind.TEXTS:
            value = tuple(value)
        case Kind.CHOICE if value not in key.choices:
            raise ValueError(f"found {value!r:.40}, expected one of {', '.join(key.choices)}")
    if key.at_least is not None and not key.at_least <= value <= (key.at_most or value):
        low, high = (key.show(_as(key, each)).strip('"') for each in (key.at_least, key.at_most))
        raise ValueError(f"found {raw!r:.40}, expected {low} to {high}")
    return value


def _as(key: Key, bound: float | None) -> Any:
    return bound if key.kind is Kind.DURATION or bound is None else int(bound)


CREDENTIALS = {
    "security.key-file": "cluster.key",
    "security.certificate": "worker.crt",
    "security.private-key": "worker.key",
    "security.authority": "ca.crt",
}
"""The files in the directory of keys, by configuration key."""
TLS_KEYS = ("security.certificate", "security.private-key", "security.authority")


def _from_credentials(values: dict[str, Any], origins: dict[str, str], keys: Path | None) -> None:
    """Secrets that are not configured are those that were handed over, if any.

    Raises ConfigurationError: the directory that systemd names cannot be looked into.
    """
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    for name, file in CREDENTIALS.items():
        if values[name] is not None:
            continue
        if directory:
            # LoadCredential=keys:DIRECTORY calls a file of it so.
            path, origin = Path(directory) / f"keys_{file}", f"credential {file}"
        elif keys is not None:
            path, origin = keys / file, "what the unit would hand over"
        else:
            continue
        try:
            is_there = path.exists()
        except OSError as error:
            raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
        if is_there:
            values[name], origins[name] = str(path), origin


def _with_derived(values: dict[str, Any]) -> dict[str, Any]:
    """Fill in the defaults that follow from other values."""
    if values["worker.name"] is None:
        values["worker.name"] = socket.gethostname().partition(".")[0]
    if values["worker.topology-initializer"] is None:
        alone = values["worker.count"] == 1 and not values["worker.join"]
        values["worker.topology-initializer"] = alone
    if values["worker.state-directory"] is None:
        given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
        values["worker.state-directory"] = given or f".wallarood/{values['worker.name']}"
    if values["admin.socket"] is None:
        given = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        values["admin.socket"] = f"{given or values['worker.state-directory']}/admin.sock"
    return values


def _check_together(config: Config) -> None:
    """What no single value shows. Raises ConfigurationError."""
    problems = []
    try:
        check_worker_name(config["worker.name"])
    except UsageError as error:
        problems.append(f"{config.origin('worker.name')}: {error}")
    control = parse_address(config["worker.control-channel"])
    if config["worker.count"] > 1 and control.port == 0:
        problems.append(
            f"{_place(config, 'worker.control-channel')}: a cluster of {config['worker.count']} "
            "needs HOST:PORT of the initializer, with a port (--control-channel)"
        )
    if config["timing.liveness-deadline"] < 2 * config["timing.heartbeat"]:
        problems.append(
            f"{_place(config, 'timing.liveness-deadline')}: expected at least two heartbeats "
            "(timing.heartbeat)"
        )
    given = [name for name in TLS_KEYS if config[name] is not None]
    if given and len(given) < len(TLS_KEYS):
        absent = ", ".join(name for name in TLS_KEYS if name not in given)
        problems.append(f"{_place(config, given[0])}: TLS also needs {absent}")
    if config["security.key-file"] is None and not given:
        problems.extend(_open_addresses(config))
    problems.extend(wrong_eviction(config))
    problems.extend(_open_http(config))
    problems.extend(_wrong_telemetry(config))
    if problems:
        raise ConfigurationError("\n".join(problems))


def http_certificate(config: Config) -> tuple[str | None, str | None]:
    """The files with certificate and private key for HTTPS: the worker's own, unless others are."""
    if config["admin.certificate"] is not None:
        return config["admin.certificate"], config["admin.private-key"]
    if config["admin.http"] is not None and is_loopback(parse_address(config["admin.http"]).host):
        return None, None
    return config["security.certificate"], config["security.private-key"]


def _open_http(config: Config) -> list[str]:
    """What HTTP lacks: beyond loopback it needs TLS, and a token."""
    problems = []
    if (config["admin.certificate"] is None) is not (config["admin.private-key"] is None):
        problems.append("admin.certificate and admin.private-key go together: one is missing")
    address = config["admin.http"]
    if address is None or is_loopback(parse_address(address).host):
        return problems
    place = _place(config, "admin.http")
    if config["admin.token-file"] is None:
        problems.append(f"{place}: {address} is not a loopback address: set admin.token-file")
    if None in http_certificate(config):
        problems.append(
            f"{place}: {address} is not a loopback address: set admin.certificate and "
            "admin.private-key, or security.certificate and its companions"
        )
    return problems


def _wrong_telemetry(config: Config) -> list[str]:
    """What is no address of a collector, and no attribute."""
    problems, endpoint = [], config["otel.endpoint"]
    if endpoint is not None:
        scheme, _, rest = endpoint.partition("://")
        if scheme not in ("http", "https") or not rest.partition("/")[0].strip(":"):
            problems.append(
                f"{_place(config, 'otel.endpoint')}: found {endpoint!r:.60}, expected "
                "http://HOST:PORT or https://HOST:PORT"
            )
    for each in config["otel.resource-attributes"]:
        name, _, value = each.partition("=")
        if not (name.strip() and value):
            problems.append(
                f"{_place(config, 'otel.resource-attributes')}: found {each!r:.60}, expected "
                "NAME=VALUE"
            )
    return problems


def _place(config: Config, name: str) -> str:
    """The key, after the file or flag that its value comes from, if it comes from one."""
    return f"{config.origin(name)}: {name}" if name in config.origins else name


def _open_addresses(config: Config) -> list[str]:
    """The addresses that are not loopback: without a key they are refused."""
    problems = []
    for name in ("worker.control-channel", "listen.control", "listen.data"):
        address = config[name]
        if address is not None and not is_loopback(parse_address(address).host):
            problems.append(
                f"{_place(config, name)}: {address} is not a loopback address, and there is "
                "no cluster key: set security.key-file, or security.certificate and its companions"
            )
    return problems
