"""The data links of this worker: one out and one in for every other member."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs
import structlog
import trio

from wallarood.flow.link import LinkReceiver, LinkSender
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Address, ClusterId, WorkerName
from wallarood.model.messages import Member
from wallarood.model.topology import Edge
from wallarood.runtime.dataflow.counters import Stopwatch
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.peers.receiver import PeerReceiver
from wallarood.runtime.peers.sender import PeerSender, RemotePort
from wallarood.runtime.ports import DataChannel, DialData
from wallarood.wire.frames import encode_frame
from wallarood.wire.peer import LinkHello, LinkRefused, encode_peer
from wallarood.wire.records.codec import RecordCodec
from wallarood.wire.records.untyped import RecordCodecError

if TYPE_CHECKING:  # a connection is first greeted by whoever imports it
    from wallarood.runtime.peers.greeting import Greeted

log = structlog.get_logger(__name__)


@attrs.frozen
class LinkLimits:
    """Bounds on a link. The window is for each edge and sending worker.

    An idle connection is asked for a sign of life every `probe_s`; one from which nothing has come
    for `silence_s` is dead.
    """

    window_bytes: int
    frame_bytes_max: int
    backoff_max_s: float
    probe_s: float
    silence_s: float


@attrs.define(eq=False)
class Links:
    """All data links of one round. `members` are the lives of the others that belong to it.

    `on_failed` is called when the application is at fault: the job has failed, not a connection.
    """

    round: int
    cluster_id: ClusterId
    member: Member
    members: dict[WorkerName, Member]
    dial: DialData
    limits: LinkLimits
    codecs: Mapping[int, RecordCodec]
    on_failed: Callable[[BaseException], None]
    inbox: Callable[[int], Inbox]
    narrow: frozenset[int] = frozenset()
    """The edges that have one batch in flight at a time."""
    senders: dict[WorkerName, PeerSender] = attrs.field(factory=dict, init=False)
    receivers: dict[WorkerName, PeerReceiver] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        for name in self.members:
            self.senders[name] = PeerSender(
                peer=name,
                hello=self._hello(),
                address=lambda name=name: self._address(name),  # type: ignore[misc]
                accepts=self._knows,
                dial=self.dial,
                link=LinkSender(self.limits.window_bytes, self.narrow),
                frame_bytes_max=self.limits.frame_bytes_max,
                backoff_max_s=self.limits.backoff_max_s,
                probe_s=self.limits.probe_s,
                silent_max=max(3, math.ceil(self.limits.silence_s / self.limits.probe_s)),
            )
            self.receivers[name] = PeerReceiver(
                peer=name,
                hello=self._hello(),
                link=LinkReceiver(self.limits.window_bytes, self.narrow),
                inbox=self.inbox,
                codecs=self.codecs,
                alive_s=self.limits.probe_s,
            )

    def _hello(self) -> LinkHello:
        member = self.member
        return LinkHello(self.cluster_id, member.name, member.incarnation, self.round, traces=True)

    def _address(self, name: WorkerName) -> Address:
        return self.members[name].data

    def _knows(self, hello: LinkHello) -> bool:
        member = self.members.get(hello.worker)
        known = member is not None and member.incarnation == hello.incarnation
        return known and hello.round == self.round

    def remote_port(self, edge: Edge, target: WorkerName, blocked: Stopwatch) -> RemotePort:
        """The port of *edge* to another worker; *blocked* measures how long it waits for credit."""
        return RemotePort(self.senders[target], edge.index, self.codecs[edge.index], blocked)

    def drop(self, name: WorkerName) -> None:
        """Close the connections to and from a peer that is not heard of; new ones are made."""
        self.senders[name].drop()
        self.receivers[name].drop()

    def move(self, member: Member) -> None:
        """A member of this round may have another address now."""
        if self.members[member.name].incarnation == member.incarnation:
            self.members[member.name] = member

    def end(self) -> None:
        """The round is over: nothing comes in any more."""
        for receiver in self.receivers.values():
            receiver.drop()
        self.members.clear()

    async def run(self) -> None:
        """Keep all outgoing links connected, until cancelled."""
        async with trio.open_nursery() as nursery:
            for sender in self.senders.values():
                nursery.start_soon(sender.run)

    async def accept(self, came: "Greeted") -> None:
        """Use a data connection that a peer has made, until it ends.

        Raises RemoteProtocolError: the peer is no member, or sent what it must not.
        """
        channel, hello = came.channel, came.first
        if not isinstance(hello, LinkHello):
            raise RemoteProtocolError(f"expected a hello, found {hello!r:.200}")
        if channel.certified not in (None, hello.worker):
            raise RemoteProtocolError(
                f"the certificate of {channel.certified} was shown by {hello.worker}"
            )
        if hello.cluster_id != self.cluster_id or not self._knows(hello):
            reason = (
                f"{self.member.name} is in round {self.round} and does not know {hello.worker} of "
                f"{hello.cluster_id} in round {hello.round}"
            )
            await channel.send_all(encode_frame(encode_peer(LinkRefused(reason))))
            log.debug("data channel refused", peer=channel.peer, reason=reason)
            return
        try:
            await self.receivers[hello.worker].serve(channel, came.frames, came.rest)
        except* RecordCodecError as group:
            self.on_failed(group)


async def refuse_data(channel: DataChannel, reason: str) -> None:
    """Answer a data connection that comes before there is a cluster."""
    await channel.send_all(encode_frame(encode_peer(LinkRefused(reason))))
