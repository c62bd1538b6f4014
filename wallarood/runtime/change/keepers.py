"""Who has what those have had who are gone: their parts of the basis, and copies of their files."""
# Theory of operation
# ===================
# A part is had from its owner, or from the owner's holder in the layout of the basis. So are files
# as long as that is the layout of now. Else a new epoch has begun since, with other holders, and no
# checkpoint of it is committed: what a source has acknowledged in it is copied to the holder of
# now, and the one of before still has what there was when that epoch began. Which of the two has
# more cannot be told from the rings: the copy of now may have been under way only, and then nothing
# was acknowledged. Each copy has the epoch noted in which it was last whole; all are asked.

from collections.abc import Callable, Iterable

import attrs
import trio

from wallarood.control.change.effects import StageChange
from wallarood.control.replicas.ring import keeper_of
from wallarood.model.change import Change, Why
from wallarood.model.ids import Member, WorkerName
from wallarood.model.messages.replicas import FilePiece, FilesWanted, TransferHello
from wallarood.runtime.change.fetching import fetched_again
from wallarood.runtime.peers.transfer import ask_kept, fetch_files
from wallarood.runtime.worker import Worker


@attrs.frozen
class Keeper:
    """Who is asked for files; *epoch* is that in which its copy was whole, 0 if not known."""

    member: Member
    epoch: int = 0


@attrs.frozen
class Keepers:
    """Those that *worker* asks while it stages what is *wanted*."""

    worker: Worker
    wanted: StageChange

    @property
    def change(self) -> Change:
        """The one that is staged."""
        assert self.wanted.record.change is not None
        return self.wanted.record.change

    @property
    def layout(self) -> int:
        """The epoch whose topology says who has which part of the basis."""
        return self.wanted.previous.epoch

    @property
    def is_older(self) -> bool:
        """Whether an epoch has begun since, of which no checkpoint is committed."""
        return self.layout < self.change.epoch - 1

    @property
    def hello(self) -> TransferHello:
        """What is said first to one that is asked."""
        me = self.worker.member
        return TransferHello(self.wanted.record.cluster_id, self.layout, me.name, me.incarnation)

    def of_part(self, name: WorkerName) -> Member:
        """Who is asked for the part that *name* had: itself, or its holder."""
        me, members = self.worker.member, {each.name: each for each in self.wanted.old_members}
        keeper = keeper_of(members[name], self.wanted.previous.workers, self.change)
        members |= {each.name: each for each in (*self.change.members, me)}  # where they are now
        return members[keeper]

    async def of_files(self, name: WorkerName) -> Keeper | None:
        """Who is asked for the files of *name*; None: it was lost before it had kept any.

        Raises PeersGoneError: a member does not say what it has.
        """
        in_layout = any(each.name == name for each in self.wanted.old_members)
        keeper = self.of_part(name) if in_layout else None
        if keeper is not None and (keeper.name == name or not self.is_older):
            return Keeper(keeper)
        found = [Keeper(each, await self._kept_since(each, name)) for each in self._others]
        best = max(found, key=lambda each: each.epoch, default=None)
        if best is not None and best.epoch >= self.layout:
            return best
        return None if keeper is None else Keeper(keeper)

    @property
    def _others(self) -> list[Member]:
        """The members that may have copies: not one that takes the place of another just now."""
        new = {each.name for each in self.change.gone if each.why is Why.REPLACED}
        return [each for each in self.change.members if each.name not in new]

    async def _kept_since(self, member: Member, owner: WorkerName) -> int:
        worker = self.worker
        if member.name == worker.member.name:
            copied = worker.store.copied_files(owner, layout=self.layout)
            return await trio.to_thread.run_sync(lambda: copied.kept_since)
        return await fetched_again(
            member.name,
            lambda: ask_kept(
                worker.dial_data(member.data),
                self.hello,
                owner,
                frame_bytes_max=worker.settings.links.frame_bytes_max,
            ),
        )

    async def fetch(
        self, member: Member, wanted: FilesWanted, take: Callable[[Iterable[FilePiece]], None]
    ) -> None:
        """Have *take* called, in a thread, with the pieces of what is wanted of *member*.

        Raises PeersGoneError: it does not answer for long. Raises what *take* raises.
        """
        worker = self.worker
        if member.name == worker.member.name:  # it has the copies
            copies = worker.store.copied_files(wanted.owner, layout=self.layout)
            await trio.to_thread.run_sync(take, copies.pieces(wanted.under))
            return
        await fetched_again(
            member.name,
            lambda: fetch_files(
                worker.dial_data(member.data),
                self.hello,
                wanted,
                take=lambda pieces: trio.to_thread.run_sync(take, pieces),
                frame_bytes_max=worker.settings.links.frame_bytes_max,
            ),
        )
