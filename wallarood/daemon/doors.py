"""Where a process is asked for its state and given orders, whichever worker runs in it."""
# Theory of operation
# ===================
# When the cluster changes, the worker of the next epoch follows that of the last one in the same
# process. The sockets stay open meanwhile: the kernel lets those wait who connect between the two,
# and nobody is told that there is no worker.

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import attrs
import trio

from wallarood.admin.server import AdminSocket, open_admin

if TYPE_CHECKING:  # loaded if it is served
    from wallarood.admin.web.listen import HttpSettings


@attrs.define(eq=False)
class Doors:
    """The admin socket, and the listeners of `admin.http`: opened once, closed at the end."""

    _admin: AdminSocket | None = None
    _http: list[trio.SocketListener] | None = None

    def __enter__(self) -> Self:
        """Nothing is open yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close what is open."""
        if self._admin is not None:
            self._admin.close()
        for each in self._http or ():
            each.socket.close()

    def admin(self, path: Path) -> AdminSocket:
        """The one at *path*. Raises CannotCreateError: it cannot be listened on."""
        if self._admin is None:
            self._admin = open_admin(path)
        return self._admin

    async def http(self, settings: "HttpSettings") -> list[trio.SocketListener]:
        """Those of `admin.http`. Raises CannotCreateError: it cannot be listened on."""
        from wallarood.admin.web.listen import open_http  # noqa: PLC0415 - if it is served

        if self._http is None:
            self._http = await open_http(settings)
        return self._http
