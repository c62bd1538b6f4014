"""Control connections: numbered, in sequence, named; what is stale or wrong goes no further."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from support.channels import Channel
from support.nodes import member
from trio.testing import MockClock, wait_all_tasks_blocked

from wallarood.control.events import ConnectionLost, ConnectionMessage, ConnectionOpened, Event
from wallarood.control.stale import Stamp
from wallarood.model.errors import KeyRefusedError
from wallarood.model.ids import Address
from wallarood.model.messages import (
    PROTOCOL_VERSION,
    Attach,
    CheckpointCommitted,
    Heartbeat,
)
from wallarood.runtime.control_task import ControlConnections

OURS = ("wc-1", 2, 7)
ALIVE = Heartbeat(())


@attrs.define(eq=False, slots=False)
class Wires:
    """Connections, the events that came of them, and what is dialled next."""

    next: list[Any] = attrs.field(factory=list)
    refused: list[KeyRefusedError] = attrs.field(factory=list)
    dialled_at: list[float] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.sender, self.events = trio.open_memory_channel[Event](math.inf)
        self.connections = ControlConnections(
            self.sender, self.dial, lambda: Stamp(*OURS), 2.0, self.refused.append
        )

    @asynccontextmanager
    async def dial(self, _: Address) -> AsyncIterator[Channel]:
        self.dialled_at.append(trio.current_time())
        now = self.next.pop(0) if self.next else OSError("nobody listens")
        if isinstance(now, Exception):
            raise now
        yield now

    async def heard(self) -> list[Event]:
        """What has come so far."""
        await wait_all_tasks_blocked()
        found = []
        while True:
            try:
                found.append(self.events.receive_nowait())
            except trio.WouldBlock:
                return found


async def accepted(nursery: trio.Nursery, wires: Wires, **options: Any) -> Channel:
    channel = Channel(**options)
    nursery.start_soon(wires.connections.accept, channel)
    await wait_all_tasks_blocked()
    return channel


async def test_each_connection_has_a_number_of_its_own_and_its_end_is_told(
    nursery: trio.Nursery,
) -> None:
    wires = Wires()
    first, second = [await accepted(nursery, wires) for _ in range(2)]
    second.comes(ALIVE)
    first.comes(ALIVE)
    assert set(map(repr, await wires.heard())) == {
        repr(ConnectionMessage(0, ALIVE)),
        repr(ConnectionMessage(1, ALIVE)),
    }
    first.ends()
    assert await wires.heard() == [ConnectionLost(0)]
    assert first.closed
    third = await accepted(nursery, wires)
    third.comes(ALIVE)
    assert await wires.heard() == [ConnectionMessage(2, ALIVE)]


async def test_a_message_out_of_sequence_ends_the_connection(nursery: trio.Nursery) -> None:
    wires = Wires()
    channel = await accepted(nursery, wires)
    channel.comes(ALIVE)
    channel.comes(ALIVE, sequence=2)
    channel.comes(ALIVE)
    assert await wires.heard() == [ConnectionMessage(0, ALIVE), ConnectionLost(0)]


@pytest.mark.parametrize(
    ("stamp", "passes"),
    [
        (OURS, True),
        (("wc-1", 2, 6), False),
        (("wc-1", 1, 7), False),
        (("wc-0", 2, 7), False),
    ],
)
async def test_what_was_said_in_another_cluster_epoch_or_round_is_dropped_here(
    nursery: trio.Nursery, stamp: tuple[str, int, int], *, passes: bool
) -> None:
    wires = Wires()
    channel = await accepted(nursery, wires)
    channel.comes(CheckpointCommitted(3), stamp=stamp)
    channel.comes(ALIVE, stamp=OURS)
    said = [each.message for each in await wires.heard() if isinstance(each, ConnectionMessage)]
    assert said == ([CheckpointCommitted(3), ALIVE] if passes else [ALIVE])


@pytest.mark.parametrize(("certified", "passes"), [("beta", True), (None, True), ("gamma", False)])
async def test_a_worker_has_the_name_that_its_certificate_says(
    nursery: trio.Nursery, certified: str | None, *, passes: bool
) -> None:
    wires = Wires()
    channel = await accepted(nursery, wires, certified=certified)
    attach = Attach(member("beta"), PROTOCOL_VERSION, "wc-1", 2)
    channel.comes(attach)
    expected = [ConnectionMessage(0, attach)] if passes else [ConnectionLost(0)]
    assert await wires.heard() == expected


async def test_what_is_sent_carries_its_stamp_and_the_next_number(nursery: trio.Nursery) -> None:
    wires = Wires()
    channel = await accepted(nursery, wires)
    for round_ in (7, 8):
        wires.connections.send(0, ALIVE, Stamp("wc-1", 2, round_))
    wires.connections.send(99, ALIVE, Stamp(*OURS))  # a connection that is gone
    assert [(each.round, each.sequence) for each in channel.sent] == [(7, 0), (8, 1)]


async def test_a_connection_that_is_closed_here_is_lost_once(nursery: trio.Nursery) -> None:
    wires = Wires()
    channel = await accepted(nursery, wires)
    wires.connections.close(0)
    wires.connections.close(0)
    assert await wires.heard() == [ConnectionLost(0)]
    assert channel.closed
    wires.connections.close(0)


async def test_a_peer_is_dialled_until_it_is_there_and_again_when_it_goes(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    channel = Channel()
    wires = Wires([OSError("away"), OSError("away"), OSError("away"), channel])
    nursery.start_soon(wires.connections.keep_dialling, "beta", lambda: Address("beta", 1))
    await trio.sleep(1)
    assert await wires.heard() == [ConnectionOpened(0, "beta")]
    first, *_, last = wires.dialled_at
    assert last - first == pytest.approx(0.05 + 0.1 + 0.2)
    channel.ends()
    await trio.sleep(60)
    assert wires.dialled_at[-1] - wires.dialled_at[-2] == pytest.approx(2.0), "the most it waits"
    assert wires.dialled_at[4] - last < 2


async def test_a_refused_key_is_told_and_does_not_end_the_dialling(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    wires = Wires([KeyRefusedError("wrong key"), Channel()])
    nursery.start_soon(wires.connections.keep_dialling, "beta", lambda: Address("beta", 1))
    await trio.sleep(1)
    assert [each.message for each in wires.refused] == ["wrong key"]
    assert ConnectionOpened(0, "beta") in await wires.heard()
