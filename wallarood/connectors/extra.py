"""Client libraries that only some applications need: imported when a connector is opened."""

import functools
import importlib
import importlib.util
import re
from typing import Any

from wallarood.model.errors import ApplicationError

OLDEST = {
    "confluent_kafka": ("confluent-kafka", "2.11"),
    "duckdb": ("duckdb", "1.2"),
    "fastavro": ("fastavro", "1.9"),
    "hiredis": ("hiredis", "3"),
    "obstore": ("obstore", "0.8"),
    "paho": ("paho-mqtt", "2.1"),
    "psycopg": ("psycopg", "3.2"),
    "pyarrow": ("pyarrow", "18"),
}
"""Of each module its package and the oldest version that can be used; Debian may have older."""


def imported(module: str, *, extra: str, owner: str) -> Any:
    """The client library *module* of an extra.

    Raises ApplicationError: it is not installed, or too old; the message says what to install.
    """
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise _missing(module, extra, owner) from None
    _check_version(module.partition(".")[0], extra, owner)
    return found


def needed(module: str, *, extra: str, owner: str) -> None:
    """Raises ApplicationError: the client library is not installed, or too old. Imports nothing."""
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        raise _missing(module, extra, owner)
    _check_version(module.partition(".")[0], extra, owner)


def _missing(module: str, extra: str, owner: str) -> ApplicationError:
    return ApplicationError(
        f"{owner} needs the Python package {module.partition('.')[0]}, which is not installed: "
        f"pip install 'wallarood[{extra}]'"
    )


@functools.cache
def _check_version(module: str, extra: str, owner: str) -> None:
    package, oldest = OLDEST.get(module, ("", ""))
    if not package:
        return
    # It imports an e-mail parser and more: most applications need no extra.
    from importlib import metadata  # noqa: PLC0415

    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:  # installed in another way: it is taken as it is
        return
    if _numbers(found.version) < _numbers(oldest):
        raise ApplicationError(
            f"{owner} needs the Python package {package} in version {oldest} or newer, found "
            f"{found.version} in {found.locate_file('')}: remove it there, and pip install "
            f"'wallarood[{extra}]'"
        )


def _numbers(version: str) -> tuple[int, ...]:
    """What of a version can be compared: 3.2.1rc1 is 3, 2, 1."""
    return tuple(map(int, re.findall(r"\d+", re.split(r"[^\d.]", version)[0])))
