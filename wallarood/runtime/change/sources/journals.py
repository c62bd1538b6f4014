"""Journals of sources on their way from workers that go: fetched, checked, put in their place."""
# Theory of operation
# ===================
# A worker that goes has halted, so its journals are what they will be: all that was acknowledged is
# in them. They are fetched while the change is staged, from itself or from who has the copies, and
# looked through; nothing is taken in before the change is adopted. Then those that are to be read
# here are put among the journals of this worker, and what others tell of clients beside its own.

from collections.abc import Callable, Iterable
from pathlib import Path

import attrs
import trio

from wallarood.app.connector import SourceContext
from wallarood.disk.incoming import IncomingFiles
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import ClusterId, Member, WorkerName
from wallarood.model.messages.replicas import FilePiece, FilesWanted, TransferHello
from wallarood.model.topology import Stage
from wallarood.planning.sources.journals import is_journalled, listens_everywhere
from wallarood.runtime.change.fetching import fetched_again
from wallarood.runtime.change.sources.opening import OPEN_S, cannot
from wallarood.runtime.change.sources.reading import Needed, Position, Reading
from wallarood.runtime.peers.transfer import fetch_files
from wallarood.runtime.worker import Worker


def directory_of(source: str) -> str:
    """The name of the directory in which a source keeps things."""
    return source.replace("/", "_")


@attrs.frozen
class Journals:
    """Those that come to *worker* by staging *number*; *ask* says who is asked for one's files."""

    worker: Worker
    reading: Reading
    cluster_id: ClusterId
    number: int
    ask: Callable[[WorkerName], Member]

    @property
    def _incoming(self) -> IncomingFiles:
        return IncomingFiles(self.worker.store.cluster_path)

    async def fetch(self) -> None:
        """Fetch all of them, durably.

        Raises PeersGoneError: who has them does not answer. Raises CannotCreateError.
        """
        moved = self._incoming.moved(self.number)
        of_clients = self._incoming.of_clients(self.number)
        needed = self.reading.journals()
        for each in needed:
            await self._fetch(each, moved if each.comes else of_clients)
        told = self.reading.told_of_clients()
        for each in told:
            await self._fetch(each, of_clients, of_files=".")
        if needed or told:
            await trio.to_thread.run_sync(self._incoming.settle, self.number)

    async def _fetch(self, needed: Needed, root: Path, *, of_files: str = "") -> None:
        journal = needed.step.connector.journal
        was = self.reading.was(needed.step.name)
        there = f"sources/{directory_of(was)}/{journal(needed.origin.partition)}/"
        here = f"sources/{directory_of(needed.step.name)}/{journal(needed.partition)}/"

        def take(pieces: Iterable[FilePiece]) -> None:
            for each in pieces:
                name = each.path.removeprefix(there)
                if name == each.path or "/" in name:
                    raise RemoteProtocolError(f"{each.path!r:.200} is none of the files of {there}")
                self._incoming.write(root, here + name, each.data, offset=each.offset)

        await self._pieces(FilesWanted(needed.owner, (there + of_files,)), take)

    async def _pieces(
        self, wanted: FilesWanted, take: Callable[[Iterable[FilePiece]], None]
    ) -> None:
        worker, layout = self.worker, self.reading.previous.epoch
        member = self.ask(wanted.owner)
        if member.name == worker.member.name:  # it has the copies
            copies = worker.store.copied_files(wanted.owner, layout=layout)
            await trio.to_thread.run_sync(take, copies.pieces(wanted.under))
            return
        me = worker.member
        await fetched_again(
            member.name,
            lambda: fetch_files(
                worker.dial_data(member.data),
                TransferHello(self.cluster_id, layout, me.name, me.incarnation),
                wanted,
                take=lambda pieces: trio.to_thread.run_sync(take, pieces),
                frame_bytes_max=worker.settings.links.frame_bytes_max,
            ),
        )

    async def check(self, positions: Iterable[Position]) -> None:
        """Raises ApplicationError: what comes cannot be gone on with here."""
        at = {(source, name): (position, ended) for source, name, position, ended in positions}
        for source, name in sorted(self.reading.gained()):
            step = self.worker.application.step(source)
            position, ended = at.get((source, name), (None, False))
            if not is_journalled(step) or ended:
                continue
            context = SourceContext(
                step=source,
                worker=self.worker.member.name,
                cluster_id=self.cluster_id,
                directory=str(self._incoming.moved(self.number) / "sources" / directory_of(source)),
                limits=self.worker.settings.job.source,
                partitions=(name,),
                positions={name: position},
                left=left_here(self.reading.topology.stages_on(self.worker.member.name), source),
            )
            async with cannot(self.worker, context):
                with trio.fail_after(OPEN_S):
                    await step.connector.check_moved(name, position, context)


def left_here(stages: Iterable[Stage], source: str) -> tuple[str, ...]:
    """The partitions that others have left, of *source* among *stages*."""
    return tuple(
        each.partition
        for stage in stages
        if source == stage.steps[0]
        for each in stage.source_partitions
        if each.left_by
    )


def put_in_place(worker: Worker, record: ClusterRecord, number: int) -> None:
    """What has come with staging *number* is of this worker from now on. Blocks.

    Raises CannotCreateError: the disk refuses. Raises DamagedStateError: it is damaged.
    """
    me, incoming = worker.member.name, IncomingFiles(worker.store.cluster_path)
    for stage in record.topology.stages_on(me):
        step = worker.application.step(stage.steps[0])
        if not stage.source_partitions or not is_journalled(step):
            continue
        source = directory_of(step.name)
        moved = list(incoming.journals(incoming.moved(number), source))
        if listens_everywhere(step):
            others = incoming.journals(incoming.of_clients(number), source)
            own = [
                worker.store.cluster_path / "sources" / source / step.connector.journal(e.partition)
                for e in stage.source_partitions
                if e.worker == me and not e.left_by
            ]
            for left in (*moved, *others):
                for each in own:
                    step.connector.take_clients(str(each), str(left))
        for journal in moved:
            incoming.take(journal, source)
