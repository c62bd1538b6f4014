"""What a worker stages and adopts is its share of what the cluster had, to the last key."""

from pathlib import Path

import attrs
from support.handing import BALLOT, BETA, change_of, counts_in, dialling, halted, joining, staged

from wallarood.control.change.effects import StageChange
from wallarood.control.change.events import ChangeStaged, StagingFailed
from wallarood.flow.keys import Partitioner


async def test_two_workers_have_together_what_the_one_had_and_each_its_own_slots(
    tmp_path: Path,
) -> None:
    async with (
        halted(tmp_path / "alpha") as alpha,
        joining(tmp_path / "beta") as beta,
    ):
        before = alpha.worker.node.record
        assert before is not None
        wanted = change_of(alpha, BETA)
        change = wanted.record.change
        assert change is not None
        number = change.basis.number
        had = counts_in(alpha, before, number)
        assert len(had) == 50
        beta.worker.dial_data = dialling(alpha)
        own = attrs.evolve(wanted.record, worker="beta")
        for lone, asked in (
            (alpha, wanted),
            (beta, StageChange(BALLOT, own, wanted.previous, wanted.old_members)),
        ):
            assert await staged(lone, asked) == ChangeStaged(BALLOT)
            # A second time it is there already.
            assert await staged(lone, asked) == ChangeStaged(BALLOT)
            assert lone.worker.checkpoints is not None
            rows = lone.worker.store.changes_in(lone.worker.checkpoints)
            assert rows.is_staged(change)
            rows.adopt(asked.record)
        topology = change.topology
        (keyed,) = [each for each in topology.stages if each.partition_owners]
        slot = Partitioner(256)
        found = {}
        for lone in (alpha, beta):
            counts = counts_in(lone, wanted.record, number)
            assert {keyed.owners[slot(key)] for key in counts} == {lone.worker.member.name}
            found |= counts
        assert found == had
        assert alpha.worker.checkpoints is not None
        assert alpha.worker.checkpoints.restore(number).sources[0].position is not None
        assert beta.worker.checkpoints is not None
        assert beta.worker.checkpoints.restore(number).sources == ()


async def test_a_worker_that_hands_nothing_over_is_named(tmp_path: Path) -> None:
    async with (
        halted(tmp_path / "alpha") as alpha,
        joining(tmp_path / "beta") as beta,
    ):
        wanted = change_of(alpha, BETA)
        change = wanted.record.change
        assert change is not None
        other = attrs.evolve(change, basis=attrs.evolve(change.basis, number=99))
        own = attrs.evolve(wanted.record, worker="beta", change=other)
        beta.worker.dial_data = dialling(alpha)
        asked = StageChange(BALLOT, own, wanted.previous, wanted.old_members)
        failed = await staged(beta, asked)
        assert isinstance(failed, StagingFailed)
        assert "alpha does not hand over its part" in failed.reason
        assert "no part 1.99 of alpha" in failed.reason


async def test_a_worker_that_runs_another_version_than_the_change_is_for_stages_nothing(
    tmp_path: Path,
) -> None:
    async with halted(tmp_path / "alpha") as alpha:
        wanted = change_of(alpha)
        change = wanted.record.change
        assert change is not None
        newer = attrs.evolve(change, fingerprint=(*change.fingerprint, "another step"))
        asked = attrs.evolve(wanted.record, fingerprint=newer.fingerprint, change=newer)
        failed = await staged(
            alpha, StageChange(BALLOT, asked, wanted.previous, wanted.old_members)
        )
        assert failed == StagingFailed(
            BALLOT,
            "it runs another version of the application than that of epoch 2: "
            "install that one there, and restart",
        )
        assert alpha.worker.checkpoints is not None
        assert not alpha.worker.store.changes_in(alpha.worker.checkpoints).is_staged(newer)


async def test_a_worker_without_its_own_part_of_the_basis_does_not_go_on_from_nothing(
    tmp_path: Path,
) -> None:
    async with halted(tmp_path / "alpha") as alpha:
        wanted = change_of(alpha, BETA)
        change = wanted.record.change
        assert change is not None
        other = attrs.evolve(change, basis=attrs.evolve(change.basis, number=99))
        own = attrs.evolve(wanted.record, change=other)
        asked = StageChange(BALLOT, own, wanted.previous, wanted.old_members)
        failed = await staged(alpha, asked)
        assert isinstance(failed, StagingFailed)
        assert "alpha has no part 1.99 of epoch 1" in failed.reason
