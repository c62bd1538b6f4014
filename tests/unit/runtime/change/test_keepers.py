"""Files of who is lost come from the copy that has all that was acknowledged."""

from pathlib import Path

import attrs
from support.handing import BALLOT
from support.keeping import GAMMA, copies_at, members_in, wanted

from wallarood.control.change.effects import StageChange
from wallarood.disk.inherited import note_epoch
from wallarood.model.change import Heir, Why
from wallarood.model.ids import NO_SEAT
from wallarood.model.messages.replicas import FilePiece, FilesWanted
from wallarood.runtime.change.inheriting import fetch_lost
from wallarood.runtime.change.keepers import Keepers


async def asked(keepers: Keepers, owner: str) -> tuple[str, int] | None:
    found = await keepers.of_files(owner)
    return None if found is None else (found.member.name, found.epoch)


async def test_the_holder_of_now_is_asked_once_it_had_a_whole_copy(tmp_path: Path) -> None:
    async with members_in(tmp_path, "alpha", "gamma") as there:
        askers = [Keepers(each.worker, wanted()) for each in there.values()]
        assert [await asked(each, "beta") for each in askers] == [("alpha", 0)] * 2
        (copies_at(there["gamma"]) / "sources").mkdir(parents=True)  # it was under way
        assert [await asked(each, "beta") for each in askers] == [("alpha", 0)] * 2
        note_epoch(copies_at(there["gamma"]), 2)
        assert [await asked(each, "beta") for each in askers] == [("gamma", 2)] * 2
        # In the epoch that follows the basis its holder is that of the layout.
        first = Keepers(there["gamma"].worker, wanted(epoch=2))
        assert await asked(first, "beta") == ("alpha", 0)


async def test_who_has_joined_after_the_basis_may_have_left_files_or_none(tmp_path: Path) -> None:
    async with members_in(tmp_path, "alpha", "beta") as there:
        keepers = Keepers(there["alpha"].worker, wanted(gone="gamma"))
        assert await asked(keepers, "gamma") is None
        note_epoch(copies_at(there["beta"], "gamma"), 2)
        assert await asked(keepers, "gamma") == ("beta", 2)


async def test_who_is_there_has_its_own_and_who_takes_its_place_is_not_asked(
    tmp_path: Path,
) -> None:
    async with members_in(tmp_path, "alpha", "beta", "gamma") as there:
        keepers = Keepers(there["alpha"].worker, wanted(gone="gamma", why=Why.REPLACED))
        assert await asked(keepers, "beta") == ("beta", 0)
        note_epoch(copies_at(there["gamma"], "gamma"), 2)
        assert await asked(keepers, "gamma") is None


async def test_an_heir_fetches_what_another_has_later_than_itself(tmp_path: Path) -> None:
    async with members_in(tmp_path, "alpha", "gamma") as there:
        heir = there["alpha"].worker
        change_to = wanted()
        assert change_to.record.change is not None
        change = attrs.evolve(change_to.record.change, heirs=(Heir("beta", NO_SEAT, "alpha"),))
        own = attrs.evolve(change_to.record, change=change)
        old = change_to.previous, change_to.old_members
        keepers = Keepers(heir, StageChange(BALLOT, own, *old))
        copied = there["gamma"].worker.store.copied_files("beta", epoch=2)
        copied.write([FilePiece("sinks/out/spool", 0, b"later")])
        copied.settle()
        incoming = heir.store.cluster_path / "incoming" / "7" / "lost" / "beta"
        await fetch_lost(keepers, 7)
        assert (incoming / "sinks" / "out" / "spool").read_bytes() == b"later"
        taken: list[FilePiece] = []
        await keepers.fetch(GAMMA, FilesWanted("beta"), taken.extend)
        assert b"".join(each.data for each in taken) == b"later"
