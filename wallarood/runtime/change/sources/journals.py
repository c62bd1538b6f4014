"""Journals of sources on their way from workers that go: fetched, checked, put in their place."""
# Theory of operation
# ===================
# A worker that goes has halted, so its journals are what they will be: all that was acknowledged is
# in them. They are fetched while the change is staged, from itself or from who has the copies, and
# looked through; nothing is taken in before the change is adopted. Then those that are to be read
# here are put among the journals of this worker, and what others tell of clients beside its own.
#
# Where a change follows before a checkpoint of the epoch before it is committed, a journal may have
# moved once already since the basis. Where that was to this worker, it has it, with all that was
# taken in since; where that was to one that is lost now, it is in the copies of what that one had.

from collections.abc import Iterable
from pathlib import Path

import attrs
import trio

from wallarood.app.connector import SourceContext
from wallarood.disk.incoming import IncomingFiles
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import ClusterId, Member
from wallarood.model.messages.replicas import FilePiece, FilesWanted
from wallarood.model.topology import SourcePartition, Stage
from wallarood.planning.sources.journals import is_journalled, listens_everywhere
from wallarood.runtime.change.keepers import Keepers
from wallarood.runtime.change.sources.opening import OPEN_S, cannot
from wallarood.runtime.change.sources.reading import Needed, Position, Reading
from wallarood.runtime.worker import Worker


def directory_of(source: str) -> str:
    """The name of the directory in which a source keeps things."""
    return source.replace("/", "_")


@attrs.frozen
class Journals:
    """Those that come to *worker* by staging *number*, each from one of *keepers*."""

    worker: Worker
    reading: Reading
    cluster_id: ClusterId
    number: int
    keepers: Keepers

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
        step, journal = needed.step, needed.step.connector.journal
        here = f"sources/{directory_of(step.name)}/{journal(needed.partition)}/"
        if self.keepers.is_older and needed.comes:
            if await trio.Path(self.worker.store.cluster_path / here).exists():
                return
            since = self._moved_since(needed)
            keeper = await self.keepers.of_files(since.worker) if since is not None else None
            if since is not None and keeper is not None and keeper.epoch > self.keepers.layout:
                there = f"sources/{directory_of(step.name)}/{journal(since.partition)}/"
                wanted = FilesWanted(since.worker, (there,))
                if await self._take(wanted, keeper.member, there, target=root / here):
                    return
        keeper = await self.keepers.of_files(needed.owner)
        if keeper is not None:
            was = self.reading.was(step.name)
            there = f"sources/{directory_of(was)}/{journal(needed.origin.partition)}/"
            wanted = FilesWanted(needed.owner, (there + of_files,))
            await self._take(wanted, keeper.member, there, target=root / here)

    def _moved_since(self, needed: Needed) -> SourcePartition | None:
        """Where the partition has come to since the basis, if that one is lost now, too."""
        record, lost = self.worker.node.record, {each.name for each in self.keepers.change.gone}
        stages = record.topology.stages if record is not None else ()
        found = (
            each
            for stage in stages
            if needed.step.name in stage.steps
            for each in stage.source_partitions
            if each.partition == needed.partition and each.worker in lost - {needed.owner}
        )
        return next(found, None)

    async def _take(self, wanted: FilesWanted, member: Member, there: str, *, target: Path) -> bool:
        """Fetch what is below *there* into *target*; whether anything is."""
        found = False

        def take(pieces: Iterable[FilePiece]) -> None:
            nonlocal found
            for each in pieces:
                name = each.path.removeprefix(there)
                if name == each.path or "/" in name:
                    raise RemoteProtocolError(f"{each.path!r:.200} is none of the files of {there}")
                self._incoming.write(target, name, each.data, offset=each.offset)
                found = True

        await self.keepers.fetch(member, wanted, take)
        return found

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
