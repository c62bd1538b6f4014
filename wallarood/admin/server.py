"""HTTP on a unix socket: the state of a worker, and orders to it.

``GET /status``, ``GET /cluster``, ``GET /topology`` and ``GET /workers`` answer JSON;
``POST /NAME`` gives an order.
A connection is one request: it is read within a deadline and a size, answered, and closed. Who may
connect is up to the permissions of the socket: 0660.
"""

import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

import attrs
import structlog
import trio

from wallarood.admin.address import short_path
from wallarood.admin.orders import Order, OrderRefusedError
from wallarood.admin.status import ClusterStatus, Status
from wallarood.model.errors import CannotCreateError
from wallarood.model.topology import Topology
from wallarood.wire.strict import unstructure

CONNECTIONS_MAX = 16
REQUEST_S = 5.0

log = structlog.get_logger(__name__)


class TaskStatus(Protocol):
    """What `nursery.start` passes in."""

    def started(self) -> None:
        """Tell that the server accepts requests."""


@attrs.frozen
class Answers:
    """What the server can answer: functions that look at the worker at that moment."""

    status: Callable[[], Status]
    topology: Callable[[], Topology | None]
    orders: Mapping[str, Order]
    cluster: Callable[[], Awaitable[ClusterStatus]] | None = None

    async def gathered_to(self, method: str, target: str) -> tuple[int, Any]:
        """As `to`, and for what others are asked for first."""
        if target.partition("?")[0] != "/cluster":
            return self.to(method, target)
        if method != "GET":
            return _wrong_method(method, "GET")
        asked = self.cluster
        return 200, unstructure(
            await asked() if asked is not None else ClusterStatus(self.status())
        )

    def to(self, method: str, target: str) -> tuple[int, Any]:
        """The HTTP status code and the JSON value for one request."""
        readable = {"/status": self._status, "/topology": self._topology, "/workers": self._workers}
        orders = {f"/{name}": order for name, order in self.orders.items()}
        path, _, query = target.partition("?")
        if path in readable:
            return readable[path]() if method == "GET" else _wrong_method(method, "GET")
        if path in orders:
            if method != "POST":
                return _wrong_method(method, "POST")
            try:
                return 202, orders[path](dict(parse_qsl(query)))
            except OrderRefusedError as error:
                return 409, {"error": str(error)}
        known = ", ".join([*readable, "/cluster", *orders])
        return 404, {"error": f"there is no {path[:100]}: expected one of {known}"}

    def _status(self) -> tuple[int, Any]:
        return 200, unstructure(self.status())

    def _topology(self) -> tuple[int, Any]:
        topology = self.topology()
        if topology is None:
            return 409, {"error": "there is no topology yet: the cluster is forming"}
        return 200, unstructure(topology)

    def _workers(self) -> tuple[int, Any]:
        return 200, unstructure(self.status().workers)


def _wrong_method(found: str, expected: str) -> tuple[int, Any]:
    return 405, {"error": f"method {found[:20]}: expected {expected}"}


async def serve_admin(
    path: Path,
    *,
    status: Callable[[], Status],
    topology: Callable[[], Topology | None],
    orders: Mapping[str, Order],
    cluster: Callable[[], Awaitable[ClusterStatus]] | None = None,
    task_status: TaskStatus = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on the unix socket *path* until cancelled; the file is removed at the end.

    A socket file that no process listens on is replaced.

    Raises CannotCreateError: another file is there, another process listens on it, or it cannot be
    made.
    """
    answers = Answers(status, topology, orders, cluster)
    listener = _listen(path)
    mine = _identity(path)
    slots = trio.Semaphore(CONNECTIONS_MAX)
    try:
        async with trio.open_nursery() as nursery:
            task_status.started()
            while True:
                await slots.acquire()
                try:
                    connection, _ = await listener.accept()
                except OSError as error:  # out of descriptors: those in use must end first
                    slots.release()
                    log.warning("admin socket cannot accept", reason=error.strerror)
                    await trio.sleep(1)
                    continue
                nursery.start_soon(_serve_one, connection, answers, slots)
    finally:
        listener.close()
        if _identity(path) == mine:
            _remove(path)


def _identity(path: Path) -> int | None:
    try:
        return path.lstat().st_ino
    except OSError:
        return None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _listen(path: Path) -> trio.socket.SocketType:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with short_path(path) as name:
            _remove_stale(path, name)
            before = os.umask(0o117)
            try:
                listener.bind(name)
            finally:
                os.umask(before)
        listener.listen(CONNECTIONS_MAX)
        return trio.socket.from_stdlib_socket(listener)
    except OSError as error:
        listener.close()
        raise CannotCreateError(f"admin socket {path}: {error.strerror or error}") from error
    except CannotCreateError:
        listener.close()
        raise


def _remove_stale(path: Path, name: str) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise CannotCreateError(f"admin socket {path}: the path exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(name)
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
    raise CannotCreateError(
        f"admin socket {path}: another process listens on it; set admin.socket to another path"
    )


async def _serve_one(
    connection: trio.socket.SocketType, answers: Answers, slots: trio.Semaphore
) -> None:
    from wallarood.admin.http import exchange  # noqa: PLC0415 - h11, with the first request

    try:
        with trio.move_on_after(REQUEST_S):
            await exchange(trio.SocketStream(connection), answers.gathered_to)
    except (OSError, trio.BrokenResourceError):
        pass  # the client has gone
    finally:
        connection.close()
        slots.release()
