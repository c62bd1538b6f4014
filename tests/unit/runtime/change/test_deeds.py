"""Effects of a change: durable before they are reported, and ended by what comes after."""

from pathlib import Path

from support.lone import endless, lone_worker

from wallarood.control.change import effects as do
from wallarood.control.change.events import VoteWritten
from wallarood.model.change import Vote
from wallarood.model.ids import Address, Ballot
from wallarood.runtime.change.deeds import perform_change


async def test_a_vote_is_on_disk_before_it_is_said_to_be(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        lone.worker.round.scope.cancel()  # type: ignore[union-attr]
        vote = Vote(1, Ballot(1, "alpha"))
        perform_change(lone.worker, do.WriteVote(vote))
        await lone.worker.turns.wait_idle()
        assert lone.worker.store.changes_in(lone.worker.checkpoints).vote() == vote


async def test_what_is_for_the_daemon_and_for_operators_is_left_where_they_look(
    tmp_path: Path,
) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        change = lone.worker.change
        aside, told = do.SetAside("alpha has left", 0), do.TellOperator("r", True, "taken up")
        for effect in (aside, told, do.SeekAt(Address("other", 7))):
            perform_change(lone.worker, effect)
        assert change.set_aside == aside
        assert list(change.answers) == [told]
        assert change.sought == Address("other", 7)


async def test_a_written_vote_is_reported(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False, worker__cluster_id="auto") as lone:
        lone.worker.store.create_checkpoints("wc-1")
        lone.worker.checkpoints = lone.worker.store.open_checkpoints("wc-1")
        vote = Vote(1, Ballot(2, "alpha"))
        perform_change(lone.worker, do.WriteVote(vote))
        await lone.until(lambda: lone.worker.posted)
        assert lone.worker.posted.popleft() == VoteWritten(vote)
