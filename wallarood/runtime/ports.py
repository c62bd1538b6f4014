"""What the runtime needs from the adapters around it, as Protocols. `daemon.py` passes them in."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, TypeAlias

from wallarood.model.checkpoint import CheckpointId, CheckpointPart, Restored
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import Address, ClusterId


class ControlChannel(Protocol):
    """A control connection to a peer that has passed the handshake."""

    @property
    def peer(self) -> str: ...

    @property
    def certified(self) -> str | None: ...

    def send(self, data: bytes) -> None:
        """Queue a message."""

    async def receive(self) -> bytes:
        """Wait for a message. Raises trio.EndOfChannel: the connection is closed."""

    async def aclose(self) -> None:
        """Send what is queued, then close."""


class DataChannel(Protocol):
    """A data connection to a peer that has passed the handshake."""

    @property
    def peer(self) -> str: ...

    @property
    def certified(self) -> str | None: ...

    async def send_all(self, data: bytes) -> None: ...

    def send_nowait(self, data: bytes) -> int:
        """Send what goes without waiting, and return how many bytes went, if only none.

        Raises OSError: the connection is broken.
        """

    async def receive_some(self, bytes_max: int) -> bytes: ...

    async def aclose(self) -> None: ...


class CheckpointStore(Protocol):
    """The checkpoints of one worker. Each call returns when the change is on disk.

    Writing raises CannotCreateError, reading DamagedStateError.
    """

    @property
    def held(self) -> tuple[CheckpointId, ...]: ...

    @property
    def committed(self) -> CheckpointId: ...

    @property
    def kept(self) -> Mapping[str, int]: ...

    @property
    def round(self) -> int: ...

    @property
    def highest(self) -> int: ...

    @property
    def line(self) -> int: ...

    def write(self, part: CheckpointPart) -> int: ...

    def record_committed(self, number: int) -> None: ...

    def discard(self, number: int) -> None: ...

    def keep(self, name: str, number: int) -> None: ...

    def drop(self, name: str) -> None: ...

    def choose(
        self, round_: int, checkpoint: CheckpointId, *, highest: int, line: int = 0
    ) -> None: ...

    def restore(self, number: int) -> Restored: ...

    def close(self) -> None: ...


class RecordStore(Protocol):
    """The durable memory of the cluster. Each call returns when the change is on disk."""

    @property
    def cluster_path(self) -> Path: ...

    def open_checkpoints(self, cluster_id: ClusterId) -> CheckpointStore: ...

    def load_record(self) -> ClusterRecord | None: ...

    def save_record(self, record: ClusterRecord) -> None: ...

    def archive_record(self) -> object: ...

    def never(self, cluster_id: ClusterId) -> bool: ...

    def record_never(self, cluster_id: ClusterId) -> None: ...


DialControl: TypeAlias = Callable[[Address], AbstractAsyncContextManager[ControlChannel]]
DialData: TypeAlias = Callable[[Address], AbstractAsyncContextManager[DataChannel]]
