"""HTTP on a unix socket: the state of a worker, and orders to it (see `wallarood.admin.web`).

Who may connect is up to the permissions of the socket: 0660.
"""

import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import attrs
import structlog
import trio

from wallarood.admin.address import short_path
from wallarood.admin.orders import Order
from wallarood.admin.status import ClusterStatus, Status
from wallarood.model.errors import CannotCreateError
from wallarood.model.topology import Topology

if TYPE_CHECKING:
    from wallarood.admin.web.message import Answer
    from wallarood.admin.web.routes import Ask

CONNECTIONS_MAX = 16

log = structlog.get_logger(__name__)


class TaskStatus(Protocol):
    """What `nursery.start` passes in."""

    def started(self) -> None:
        """Tell that the server accepts requests."""


@attrs.define(eq=False)
class Answering:
    """What the server answers by: functions that look at the worker at that moment.

    The routes are loaded with the first request: a start does not wait for them.
    """

    status: Callable[[], Status]
    topology: Callable[[], Topology | None]
    orders: Mapping[str, Order]
    cluster: Callable[[], Awaitable[ClusterStatus]] | None = None
    ask: "Ask | None" = None
    _answer: "Answer | None" = attrs.field(default=None, init=False)

    @property
    def answer(self) -> "Answer":
        """Answers a request."""
        if self._answer is None:
            from wallarood.admin.web.routes import Answers, Routes  # noqa: PLC0415 - see above

            self._answer = Routes(
                Answers(self.status, self.topology, self.orders, self.cluster, self.ask)
            ).answer
        return self._answer


@attrs.frozen(eq=False)
class AdminSocket:
    """The unix socket at *path*, which this process listens on."""

    path: Path
    listener: trio.socket.SocketType
    _inode: int | None

    def close(self) -> None:
        """Listen no more; the file is removed, unless it is another by now."""
        self.listener.close()
        if _identity(self.path) == self._inode:
            _remove(self.path)


def open_admin(path: Path) -> AdminSocket:
    """Listen on the unix socket *path*. A socket file that no process listens on is replaced.

    Raises CannotCreateError: another file is there, another process listens on it, or it cannot be
    made.
    """
    listener = _listen(path)
    return AdminSocket(path, listener, _identity(path))


async def serve_admin(
    admin: AdminSocket,
    answering: Answering,
    *,
    task_status: TaskStatus = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on *admin* until cancelled. It stays open: who connects then waits for the next."""
    slots = trio.Semaphore(CONNECTIONS_MAX)
    async with trio.open_nursery() as nursery:
        task_status.started()
        while True:
            await slots.acquire()
            try:
                connection, _ = await admin.listener.accept()
            except OSError as error:  # out of descriptors: those in use must end first
                slots.release()
                log.warning("admin socket cannot accept", reason=error.strerror)
                await trio.sleep(1)
                continue
            nursery.start_soon(_serve_one, connection, answering, slots)


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
    connection: trio.socket.SocketType, answering: Answering, slots: trio.Semaphore
) -> None:
    from wallarood.admin.web.exchange import exchange  # noqa: PLC0415 - h11, with the first request

    try:
        await exchange(trio.SocketStream(connection), answering.answer)
    except (OSError, trio.BrokenResourceError, trio.TooSlowError):
        pass  # the client has gone, or stands still
    finally:
        connection.close()
        slots.release()
