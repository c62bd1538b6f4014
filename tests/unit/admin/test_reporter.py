"""From a worker at run time to its status."""

from pathlib import Path

import pytest
from support.lone import endless, lone_worker

from wallarood.admin.reporter import _is_restored, _peer, stamp_or_none
from wallarood.control.membership.presence import Peer, Presence
from wallarood.model.change import Trust
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import Member
from wallarood.model.time import MIN_TIME

MEMBER = Member("beta", Address("b", 1), Address("b", 2), Incarnation(1, "n"))


@pytest.mark.parametrize(
    ("presence", "state", "heard_s"),
    [
        (Presence.EXPECTED, "away", None),
        (Presence.CONNECTED, "connected", 2.0),
        (Presence.MISSING, "away", 2.0),
        (Presence.LEFT, "left", 2.0),
    ],
)
def test_a_peer_is_told_of_in_a_word_and_when_it_was_heard(
    presence: Presence, state: str, heard_s: float | None
) -> None:
    peer = Peer(MEMBER)
    peer.presence, peer.last_heard = presence, 8.0
    told = _peer(peer, 10.0)
    assert (told.name, told.state, told.heard_s) == ("beta", state, heard_s)


def test_no_watermark_is_none() -> None:
    assert stamp_or_none(MIN_TIME) is None
    assert stamp_or_none(0) == 0


async def test_whether_the_state_directory_is_a_copy_is_said(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        assert not _is_restored(lone.worker)
        await lone.running()
        view = lone.worker.node.machines.view
        assert view is not None
        assert not _is_restored(lone.worker)
        view.trust = Trust.RESTORED
        assert _is_restored(lone.worker)
