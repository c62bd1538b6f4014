"""The link between two workers: sequence numbers, credit, and what to send again."""
# Theory of operation
# ===================
# A link outlives its connections. Each edge on it counts its frames from 1. The sender keeps every
# frame until the consumer at the other end has taken it: credit is the acknowledgement, and the
# window is the resend buffer. A grant names the last frame taken and so covers all before it; one
# that is lost is made good by the next. While fewer bytes than the window are kept, the next batch
# may go, whatever its size, so that a record larger than the window passes. Marks cost nothing.
#
# A grant for every frame would cost both ends as much as a small frame itself. So grants wait for
# each other, until they cover a part of the window or a mark: a barrier comes every few seconds,
# and an end last of all. They are not waited for by then: a sender without credit has a window in
# flight, of which less than that part is taken; the rest is still to come.
#
# An edge that leads to a slow stage is narrow: one batch of it is in flight at a time, and each is
# granted when it is taken, so that a barrier has little before it.
#
# A new connection begins with what the receiver has received on each edge: the sender forgets
# nothing, rewinds to there and continues. The receiver takes exactly the next number; a lower one
# is a repeat and dropped; a higher one is a gap, which no correct sender makes.

from collections import deque
from collections.abc import Mapping
from enum import Enum

import attrs

from wallarood.model.errors import LocalProtocolError, RemoteProtocolError

GRANTS_IN_WINDOW = 4
"""How many grants a sender gets while it sends a window full."""


@attrs.frozen
class _Kept:
    sequence: int
    cost_bytes: int
    frame: bytes


@attrs.define
class _Outgoing:
    next_sequence: int = 1
    in_flight_bytes: int = 0
    kept: deque[_Kept] = attrs.field(factory=deque)


class LinkSender:
    """The sending half. `window_bytes` bounds what is in flight on each edge not in *narrow*."""

    def __init__(self, window_bytes: int, narrow: frozenset[int] = frozenset()) -> None:
        self._window_bytes = window_bytes
        self._narrow = narrow
        self._edges: dict[int, _Outgoing] = {}
        self._unsent: deque[bytes] = deque()

    def _edge(self, edge: int) -> _Outgoing:
        return self._edges.setdefault(edge, _Outgoing())

    def can_send(self, edge: int) -> bool:
        """Whether another batch may be pushed on *edge* now."""
        window_bytes = 1 if edge in self._narrow else self._window_bytes
        return self._edge(edge).in_flight_bytes < window_bytes

    def next_sequence(self, edge: int) -> int:
        """The number that the next frame of *edge* must carry."""
        return self._edge(edge).next_sequence

    def in_flight_bytes(self, edge: int) -> int:
        """What has been pushed on *edge* and not yet been taken at the other end."""
        return self._edge(edge).in_flight_bytes

    @property
    def idle(self) -> bool:
        """Whether everything that was pushed has been taken at the other end."""
        return not any(edge.kept for edge in self._edges.values())

    def push(self, edge: int, cost_bytes: int, frame: bytes) -> None:
        """Keep and queue *frame*, which carries `next_sequence`; a mark costs 0.

        Raises LocalProtocolError: the edge has no credit.
        """
        out = self._edge(edge)
        if cost_bytes and not self.can_send(edge):
            raise LocalProtocolError(f"edge {edge} sends {cost_bytes} bytes without credit")
        out.kept.append(_Kept(out.next_sequence, cost_bytes, frame))
        out.next_sequence += 1
        out.in_flight_bytes += cost_bytes
        self._unsent.append(frame)

    def next_unsent(self) -> bytes | None:
        """The next frame for the connection, None if there is none."""
        return self._unsent.popleft() if self._unsent else None

    def granted(self, edge: int, sequence: int) -> None:
        """The other end has taken everything on *edge* up to *sequence*.

        Raises RemoteProtocolError: that was never sent.
        """
        out = self._edges.get(edge)
        if out is None or sequence >= out.next_sequence:
            raise RemoteProtocolError(f"a grant for frame {sequence} of edge {edge}: never sent")
        while out.kept and out.kept[0].sequence <= sequence:
            out.in_flight_bytes -= out.kept.popleft().cost_bytes

    def resume(self, received: Mapping[int, int]) -> None:
        """A new connection: the other end has *received* up to these numbers, by edge.

        Raises RemoteProtocolError: it claims what was never sent, or lacks what it has taken.
        """
        for edge, sequence in received.items():
            if sequence >= self._edge(edge).next_sequence:
                raise RemoteProtocolError(
                    f"the peer claims frame {sequence} of edge {edge}: never sent"
                )
        self._unsent.clear()
        for edge, out in self._edges.items():
            last = received.get(edge, 0)
            first_kept = out.kept[0].sequence if out.kept else out.next_sequence
            if last + 1 < first_kept:
                raise RemoteProtocolError(
                    f"the peer has lost frames of edge {edge}: it asks for {last + 1}, but has "
                    f"taken up to {first_kept - 1}"
                )
            self._unsent.extend(each.frame for each in out.kept if each.sequence > last)


class Delivery(Enum):
    """What to do with a frame that has arrived."""

    NEW = "new"
    REPEAT = "repeat"


@attrs.define
class _Incoming:
    received: int = 0
    taken: int = 0
    granted: int = 0
    ungranted_bytes: int = 0
    waiting: deque[tuple[int, int]] = attrs.field(factory=deque)
    waiting_bytes: int = 0


class LinkReceiver:
    """The receiving half. A sender that exceeds *window_bytes* on an edge is refused."""

    def __init__(self, window_bytes: int, narrow: frozenset[int] = frozenset()) -> None:
        self._window_bytes = window_bytes
        self._narrow = narrow
        self._edges: dict[int, _Incoming] = {}
        self._due = False

    @property
    def due(self) -> bool:
        """Whether it is time to send `grants`."""
        return self._due

    @property
    def received(self) -> dict[int, int]:
        """The last number received on each edge."""
        return {edge: state.received for edge, state in self._edges.items()}

    def grants(self) -> dict[int, int]:
        """The last number taken on each edge, where that was not said on this connection yet."""
        grants = {}
        for edge, state in self._edges.items():
            if state.taken > state.granted:
                grants[edge] = state.granted = state.taken
                state.ungranted_bytes = 0
        self._due = False
        return grants

    def reconnected(self) -> None:
        """There is a new connection: grants on the one before may be lost."""
        for state in self._edges.values():
            state.granted = 0
        self._due = any(state.taken for state in self._edges.values())

    def receive(self, edge: int, sequence: int, cost_bytes: int) -> Delivery:
        """A frame has arrived: is it new?

        Raises RemoteProtocolError: a frame is missing before it, or it exceeds the window.
        """
        state = self._edges.setdefault(edge, _Incoming())
        if sequence <= state.received:
            return Delivery.REPEAT
        if sequence != state.received + 1:
            raise RemoteProtocolError(
                f"frame {sequence} of edge {edge} came where {state.received + 1} was due"
            )
        if cost_bytes and state.waiting_bytes >= self._window_bytes:
            raise RemoteProtocolError(
                f"edge {edge} has {state.waiting_bytes:,} bytes in flight and sends more: the "
                f"window is {self._window_bytes:,}"
            )
        state.received = sequence
        state.waiting.append((sequence, cost_bytes))
        state.waiting_bytes += cost_bytes
        return Delivery.NEW

    def taken(self, edge: int, sequence: int) -> None:
        """The consumer has taken the frame.

        Raises LocalProtocolError: it is not the oldest waiting.
        """
        state = self._edges[edge]
        if not state.waiting or state.waiting[0][0] != sequence:
            raise LocalProtocolError(f"frame {sequence} of edge {edge} taken out of turn")
        _, cost_bytes = state.waiting.popleft()
        state.waiting_bytes -= cost_bytes
        state.ungranted_bytes += cost_bytes
        state.taken = sequence
        enough = state.ungranted_bytes * GRANTS_IN_WINDOW >= self._window_bytes
        if not cost_bytes or enough or edge in self._narrow:
            self._due = True
