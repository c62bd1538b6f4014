"""What the runtime needs from the adapters around it, as Protocols. `daemon.py` passes them in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from wallarood.model.change import Change, PartName, Vote
from wallarood.model.checkpoint import CheckpointId, CheckpointPart, Restored
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import Address, ClusterId, WorkerName

if TYPE_CHECKING:  # what only copies and changes need is not imported at every start
    from wallarood.model.messages.replicas import (
        Chunk,
        ChunkGroup,
        PartHead,
        PartWanted,
    )
    from wallarood.model.staging import StagedChange
    from wallarood.runtime.peers.ports import CopiedFiles, FilesToCopy, ReplicaStore


class ControlChannel(Protocol):
    """A control connection to a peer that has passed the handshake."""

    @property
    def peer(self) -> str:
        """Where the peer is, as HOST:PORT, for messages."""

    @property
    def certified(self) -> str | None:
        """The worker that the peer's certificate names; None without TLS."""

    def send(self, data: bytes) -> None:
        """Queue a message."""

    async def receive(self) -> bytes:
        """Wait for a message. Raises trio.EndOfChannel: the connection is closed."""

    async def aclose(self) -> None:
        """Send what is queued, then close."""


class DataChannel(Protocol):
    """A data connection to a peer that has passed the handshake."""

    @property
    def peer(self) -> str:
        """Where the peer is, as HOST:PORT, for messages."""

    @property
    def certified(self) -> str | None:
        """The worker that the peer's certificate names; None without TLS."""

    async def send_all(self, data: bytes) -> None:
        """Send all of *data*. Raises trio.BrokenResourceError: the connection is broken."""

    def send_nowait(self, data: bytes) -> int:
        """Send what goes without waiting; how many bytes went, may be none. Raises OSError."""

    async def receive_some(self, bytes_max: int) -> bytes:
        """Wait for up to *bytes_max* bytes; none means that the peer has closed."""

    async def aclose(self) -> None:
        """Close the connection."""


class CheckpointStore(Protocol):
    """The checkpoints of one worker. Each call returns when the change is on disk.

    Writing raises CannotCreateError, reading DamagedStateError.
    """

    @property
    def held(self) -> tuple[CheckpointId, ...]:
        """The checkpoints that are here, whole and undamaged, lowest first."""

    @property
    def committed(self) -> CheckpointId:
        """The highest checkpoint that is known committed."""

    @property
    def kept(self) -> Mapping[str, int]:
        """The numbers of the checkpoints that are kept, by their names."""

    @property
    def round(self) -> int:
        """The round that was chosen last; 0 before the first."""

    @property
    def highest(self) -> int:
        """The highest checkpoint number that was ever seen here."""

    @property
    def line(self) -> int:
        """How often the cluster has gone back below a checkpoint that was known committed."""

    @property
    def replicas(self) -> ReplicaStore:
        """The replicas of others' parts."""

    def write(self, part: CheckpointPart, *, keep: str = "") -> int:
        """Write a checkpoint, to be retained under a name; returns the bytes that it added."""

    def record_committed(self, number: int) -> None:
        """Make it durable that a checkpoint is committed."""

    def discard(self, number: int) -> None:
        """Delete a checkpoint that can never be committed."""

    def drop(self, name: str) -> None:
        """Retain it no longer."""

    def choose(self, round_: int, checkpoint: CheckpointId, *, highest: int, line: int = 0) -> None:
        """Make a proposal durable: what is above *checkpoint* is void and gone.

        It is recorded as committed when the round begins.
        """

    def restore(self, number: int, *, without: Collection[str] = ()) -> Restored:
        """Read a checkpoint with all its state, but for that of the computations *without*."""

    def close(self) -> None:
        """Close the database."""


class ChangeStore(Protocol):
    """What a worker must not forget of a change. Calls are as those of `CheckpointStore`."""

    def record(self) -> ClusterRecord | None:
        """The record of the epoch that was adopted last."""

    def become(self, cluster_id: ClusterId) -> None:
        """Be those of a cluster to join, unless they are: nothing here is in doubt any more."""

    def vote(self) -> Vote | None:
        """What was promised and accepted here."""

    def write_vote(self, vote: Vote) -> None:
        """Put a vote in the place of the one before."""

    def is_staged(self, change: Change) -> bool:
        """Whether *change* is staged as a whole."""

    def kept_parts(self) -> tuple[PartName, ...]:
        """What is here for others, and own parts of older layouts."""

    def own_part(self, part: PartName) -> Any:
        """The own part *part*, as its head says it to others; None: it is not here."""

    def chunks_of(self, part: PartName, computation: str) -> list[bytes]:
        """The state of a computation in the own part *part*."""

    def put_chunks(self, chunks: Iterable[Chunk]) -> None:
        """Put back chunks of a lost worker, whose place this is."""

    def put_part(self, head: Any, layout: int) -> None:
        """Put back what stood in its part besides its chunks, which are here."""

    def begin(self) -> int:
        """Begin to stage a change; its number."""

    def add(self, number: int, computation: str, chunks: Iterable[bytes], *, after: int) -> None:
        """Put chunks of a computation after the *after* that were put before."""

    def settle(self) -> None:
        """Do now what the writes that follow would have to do besides."""

    def finish(self, staged: StagedChange) -> None:
        """All chunks are here: *staged* may be adopted."""

    def unstage(self) -> None:
        """What is staged will never be."""

    def adopt(self, record: ClusterRecord) -> ClusterRecord:
        """Make the epoch of *record* the one of this worker; what was staged as its record."""


class FoundChanges(Protocol):
    """What a database has of changes."""

    @property
    def staged(self) -> tuple[StagedChange, ...]:
        """What is staged as a whole, the newest last."""


class RecordStore(Protocol):
    """The durable memory of the cluster. Each call returns when the change is on disk."""

    @property
    def cluster_path(self) -> Path:
        """The directory of the present cluster."""

    def open_checkpoints(self, cluster_id: ClusterId) -> CheckpointStore:
        """Open the checkpoints of a cluster."""

    def create_checkpoints(self, cluster_id: ClusterId) -> None:
        """Make the checkpoints of a cluster of which there is no record yet."""

    def look_at_changes(self) -> FoundChanges:
        """What was adopted last, and what is staged, also while no store is open."""

    def changes_in(self, checkpoints: Any) -> ChangeStore:
        """What *checkpoints*, which this store has opened, has of changes."""

    def read_part(
        self, cluster_id: ClusterId, wanted: PartWanted, *, there: Collection[ChunkGroup] = ()
    ) -> tuple[PartHead, Iterator[list[Chunk]]]:
        """Read a part of a checkpoint or a replica, also while the checkpoints are written.

        What is *there* already is left out. Raises DamagedStateError: it is not here, or damaged.
        Raises CannotCreateError.
        """

    def captured_part(
        self, checkpoints: Any, part: CheckpointPart, layout: int
    ) -> tuple[PartHead, tuple[Chunk, ...]]:
        """The head and the chunks of a part that *checkpoints* is about to write."""

    def damaged_parts(self, cluster_id: ClusterId) -> list[CheckpointId]:
        """The checkpoints that cannot be done without, and are damaged."""

    def mend_part(self, cluster_id: ClusterId, head: PartHead, chunks: Iterable[Chunk]) -> None:
        """Put a copy of a part in its place."""

    def files_to_copy(self) -> FilesToCopy:
        """What sources and sinks keep here, for another disk."""

    def copied_files(
        self, owner: WorkerName | None, *, layout: int = 0, epoch: int = 0
    ) -> CopiedFiles:
        """The copies of what those of *owner* keep, as in epoch *layout*; None: what those here.

        They are made in *epoch*, if any are.
        """

    def load_record(self) -> ClusterRecord | None:
        """The record of the cluster; None: there is none."""

    def save_record(self, record: ClusterRecord) -> None:
        """Replace the record of the cluster."""

    def archive_record(self) -> object:
        """Archive the record and the state of the cluster."""

    def never(self, cluster_id: ClusterId) -> bool:
        """Whether a cluster was proposed here and abandoned."""

    def trust(self, restored: str) -> None:
        """Record why the directory is a copy; empty: it is whole as it is now."""

    def record_never(self, cluster_id: ClusterId) -> None:
        """Record that a proposed cluster was abandoned."""


DialControl: TypeAlias = Callable[[Address], AbstractAsyncContextManager[ControlChannel]]
DialData: TypeAlias = Callable[[Address], AbstractAsyncContextManager[DataChannel]]
