"""Asks a worker's admin socket. Plain blocking calls: a command asks, prints and ends."""

import http.client
import json
import math
import socket
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import attrs

from wallarood.admin.address import short_path
from wallarood.admin.status import ClusterStatus, Status
from wallarood.model.errors import PeersGoneError
from wallarood.model.topology import Topology
from wallarood.wire.strict import StructureError, structure

TIMEOUT_S = 5.0
CONNECT_S = 1.0
ANSWER_BYTES_MAX = 64 << 20
CUT_OFF = (ConnectionResetError, BrokenPipeError, http.client.IncompleteRead)
WHO_MAY = "ask as root or as a member of the group wallaroo"

T = TypeVar("T")


class NotAnsweringError(PeersGoneError):
    """No worker listens on the socket, or what listens does not answer as one."""


class NotNowError(PeersGoneError):
    """The worker cannot answer this at the moment; the message says why."""


class _CutOffError(NotAnsweringError):
    """What was asked is not known to be answered: the worker that did so has ended."""


def ask(path: Path, method: str, target: str, *, timeout_s: float = TIMEOUT_S) -> Any:
    """Send one request to the admin socket *path*; returns the JSON value of the answer.

    What only asks is asked once more where a worker ends meanwhile: when the cluster changes, that
    of the next epoch follows in the same process.

    Raises NotAnsweringError: there is no worker; NotNowError: it refused, with its reason.
    """
    try:
        return _ask_once(path, method, target, timeout_s=timeout_s)
    except _CutOffError:
        if method != "GET":
            raise
    return _ask_once(path, method, target, timeout_s=timeout_s)


def _ask_once(path: Path, method: str, target: str, *, timeout_s: float) -> Any:
    connection = http.client.HTTPConnection("localhost", timeout=timeout_s)
    try:
        connection.sock = _connect(path, timeout_s)
        connection.request(method, target)
        answer = connection.getresponse()
        body = answer.read(ANSWER_BYTES_MAX)
        if answer.length:
            raise http.client.IncompleteRead(body, answer.length)
        value = json.loads(body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        hint = f"; {WHO_MAY}" if isinstance(error, PermissionError) else ""
        kind = _CutOffError if isinstance(error, CUT_OFF) else NotAnsweringError
        raise kind(f"no worker answers on {path}: {reason}{hint}") from error
    finally:
        connection.close()
    if answer.status >= 400:
        refusal = value.get("error") if isinstance(value, dict) else None
        raise NotNowError(f"{path}: {refusal or answer.reason}")
    return value


def _connect(path: Path, timeout_s: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        with short_path(path) as name:
            connection.connect(name)
    except OSError:
        connection.close()
        raise
    return connection


def listens(path: Path) -> bool:
    """Whether a worker is there, busy or not. Raises NotAnsweringError: it may not be asked."""
    try:
        _connect(path, CONNECT_S).close()
    except PermissionError as error:
        raise NotAnsweringError(f"{path}: {error.strerror}; {WHO_MAY}") from error
    except (BlockingIOError, TimeoutError):  # so many wait to be answered that no more may
        return True
    except OSError:
        return False
    return True


def status(path: Path, *, timeout_s: float = TIMEOUT_S) -> Status:
    """What the worker says about itself. Raises as `ask`."""
    return _structured(path, ask(path, "GET", "/api/v1/status", timeout_s=timeout_s), Status)


def cluster(path: Path, *, timeout_s: float = TIMEOUT_S) -> ClusterStatus:
    """What all workers of the cluster say, asked for through one of them. Raises as `ask`."""
    return _structured(
        path, ask(path, "GET", "/api/v1/cluster", timeout_s=timeout_s), ClusterStatus
    )


def topology(path: Path, *, timeout_s: float = TIMEOUT_S) -> Topology:
    """The topology of the worker's cluster. Raises as `ask`; NotNowError while it is forming."""
    return _structured(path, ask(path, "GET", "/api/v1/topology", timeout_s=timeout_s), Topology)


def of_all(path: Path, target: str, *, timeout_s: float, **parameters: str) -> dict[str, Any]:
    """What each worker answers to GET *target*, and who does not answer. Raises as `ask`."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    answer = ask(path, "GET", f"/api/v1/{target}{query}", timeout_s=timeout_s)
    return _structured(path, answer, dict[str, Any])


@attrs.frozen
class Ending:
    """What a worker answers that is told to end the cluster.

    `absent` are away and do not hear of it; the last checkpoint is waited for `within_s` at most.
    """

    absent: tuple[str, ...] = ()
    within_s: float = math.inf


def shutdown(path: Path) -> Ending:
    """Tell the worker to end, and all others of its cluster. Raises as `ask`."""
    answer = _structured(path, ask(path, "POST", "/api/v1/shutdown") or {}, dict[str, Any])
    return Ending(tuple(answer.get("absent", ())), answer.get("within_s", math.inf))


def reload(path: Path) -> list[str]:
    """Have the worker read its configuration again; returns what has changed. Raises as `ask`."""
    answer = ask(path, "POST", "/api/v1/reload")
    changed: list[str] = _structured(path, answer, dict[str, Any])["changed"]
    return changed


def checkpoint(path: Path, *, keep: str = "") -> int:
    """Have a checkpoint taken, and kept under a name if there is one. Raises as `ask`.

    Returns a number: the first committed checkpoint above it is the one.
    """
    query = f"?{urlencode({'keep': keep})}" if keep else ""
    answer = ask(path, "POST", f"/api/v1/checkpoint{query}")
    return int(_structured(path, answer, dict[str, Any])["after"])


def drop(path: Path, name: str) -> None:
    """Have a checkpoint that is kept under *name* dropped. Raises as `ask`."""
    ask(path, "POST", f"/api/v1/drop?{urlencode({'name': name})}")


def grow(path: Path, *names: str) -> dict[str, Any]:
    """Say what would move if these workers joined. Raises as `ask`."""
    parameters = {"names": ",".join(names), "dry-run": "1"}
    answer = ask(path, "POST", f"/api/v1/grow?{urlencode(parameters)}")
    return _structured(path, answer, dict[str, Any])


def shrink(path: Path, **parameters: str) -> dict[str, Any]:
    """Have workers leave the cluster, or say what would move. Raises as `ask`."""
    answer = ask(path, "POST", f"/api/v1/shrink?{urlencode(parameters)}")
    return _structured(path, answer, dict[str, Any])


def evict(path: Path, **parameters: str) -> dict[str, Any]:
    """Go on without lost workers, or say what would move. Raises as `ask`."""
    answer = ask(path, "POST", f"/api/v1/evict?{urlencode(parameters)}")
    return _structured(path, answer, dict[str, Any])


def replace(path: Path, **parameters: str) -> dict[str, Any]:
    """Let another disk take the place of a lost one, or say from where it comes. As `ask`."""
    answer = ask(path, "POST", f"/api/v1/replace?{urlencode(parameters)}")
    return _structured(path, answer, dict[str, Any])


def upgrade(path: Path, **parameters: str) -> dict[str, Any]:
    """Come to another version of the application, or say what is lost by that. As `ask`."""
    answer = ask(path, "POST", f"/api/v1/upgrade?{urlencode(parameters)}")
    return _structured(path, answer, dict[str, Any])


def _structured(path: Path, value: Any, kind: type[T]) -> T:
    try:
        return structure(value, kind)
    except StructureError as error:
        raise NotAnsweringError(
            f"the worker on {path} gave an answer of another form (another version?): {error}"
        ) from error
