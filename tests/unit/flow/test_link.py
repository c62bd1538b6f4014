"""The link's rules, one by one."""

from collections.abc import Iterable

import pytest

from wallarood.flow.link import Delivery, LinkReceiver, LinkSender
from wallarood.model.errors import LocalProtocolError, RemoteProtocolError


def pushed(*costs: int, window: int = 100) -> LinkSender:
    sender = LinkSender(window)
    for cost in costs:
        sender.push(1, cost, f"frame {sender.next_sequence(1)}".encode())
    return sender


def drained(sender: LinkSender) -> list[bytes]:
    frames = []
    while (frame := sender.next_unsent()) is not None:
        frames.append(frame)
    return frames


def test_frames_leave_in_order_and_once() -> None:
    sender = pushed(1, 1, 0)
    assert drained(sender) == [b"frame 1", b"frame 2", b"frame 3"]
    assert drained(sender) == []


def test_one_batch_may_overdraw_the_window_and_the_next_waits() -> None:
    sender = pushed(99)
    assert sender.can_send(1)
    sender.push(1, 5000, b"large")
    assert not sender.can_send(1)
    with pytest.raises(LocalProtocolError, match="without credit"):
        sender.push(1, 1, b"more")


def test_marks_cost_nothing_and_edges_have_windows_of_their_own() -> None:
    sender = pushed(100)
    sender.push(1, 0, b"mark")
    assert not sender.can_send(1)
    assert sender.can_send(2)


def test_a_grant_frees_all_frames_up_to_it_and_repeats_change_nothing() -> None:
    sender = pushed(40, 40, 40)
    for _ in range(2):
        sender.granted(1, 2)
        assert sender.in_flight_bytes(1) == 40
    sender.granted(1, 1)
    assert sender.in_flight_bytes(1) == 40
    sender.granted(1, 3)
    assert sender.idle


def test_a_grant_for_what_was_never_sent_is_an_error_of_the_peer() -> None:
    sender = pushed(1)
    for edge, sequence in ((1, 2), (7, 1)):
        with pytest.raises(RemoteProtocolError, match="never sent"):
            sender.granted(edge, sequence)


def test_a_new_connection_goes_on_behind_what_was_received() -> None:
    sender = pushed(1, 1, 1, 1)
    drained(sender)
    sender.granted(1, 1)
    sender.resume({1: 2})
    assert drained(sender) == [b"frame 3", b"frame 4"]
    sender.resume({1: 4})
    assert drained(sender) == []


def test_a_peer_that_claims_or_lacks_too_much_is_refused() -> None:
    sender = pushed(1, 1, 1)
    sender.granted(1, 2)
    with pytest.raises(RemoteProtocolError, match="never sent"):
        sender.resume({1: 4})
    with pytest.raises(RemoteProtocolError, match="lost frames"):
        sender.resume({1: 1})
    with pytest.raises(RemoteProtocolError, match="lost frames"):
        sender.resume({})


def test_the_receiver_takes_the_next_drops_repeats_and_refuses_gaps() -> None:
    receiver = LinkReceiver(100)
    assert receiver.receive(1, 1, 10) is Delivery.NEW
    assert receiver.receive(1, 1, 10) is Delivery.REPEAT
    assert receiver.receive(1, 2, 10) is Delivery.NEW
    with pytest.raises(RemoteProtocolError, match="came where 3 was due"):
        receiver.receive(1, 4, 10)
    assert receiver.received == {1: 2}


def test_the_receiver_holds_the_sender_to_the_window() -> None:
    receiver = LinkReceiver(100)
    receiver.receive(1, 1, 99)
    receiver.receive(1, 2, 5000)
    with pytest.raises(RemoteProtocolError, match="window"):
        receiver.receive(1, 3, 1)
    receiver.taken(1, 1)
    receiver.taken(1, 2)
    assert receiver.receive(1, 3, 1) is Delivery.NEW


def test_frames_are_taken_in_their_order() -> None:
    receiver = LinkReceiver(100)
    receiver.receive(1, 1, 1)
    receiver.receive(1, 2, 1)
    with pytest.raises(LocalProtocolError, match="out of turn"):
        receiver.taken(1, 2)
    receiver.taken(1, 1)
    assert receiver.grants() == {1: 1}


def dues_of(receiver: LinkReceiver, taken: Iterable[int], edge: int = 1) -> list[bool]:
    """Whether grants are due, after each of the frames *taken*."""
    dues = []
    for sequence in taken:
        receiver.taken(edge, sequence)
        dues.append(receiver.due)
    return dues


def test_grants_wait_until_they_cover_a_part_of_the_window() -> None:
    receiver = LinkReceiver(100)
    for sequence, size in ((1, 20), (2, 4), (3, 1), (4, 24)):
        receiver.receive(1, sequence, size)
    assert dues_of(receiver, (1, 2, 3)) == [False, False, True]
    assert receiver.grants() == {1: 3}
    assert not receiver.due
    assert receiver.grants() == {}
    assert dues_of(receiver, (4,)) == [False]
    assert receiver.grants() == {1: 4}


def test_a_mark_that_is_taken_is_granted_at_once_and_all_before_it() -> None:
    receiver = LinkReceiver(100)
    receiver.receive(1, 1, 1)
    receiver.receive(2, 1, 1)
    receiver.receive(2, 2, 0)
    receiver.taken(1, 1)
    assert dues_of(receiver, (1, 2), edge=2) == [False, True]
    assert receiver.grants() == {1: 1, 2: 2}


def test_a_sender_without_credit_gets_it_when_its_frames_are_taken() -> None:
    sender, receiver = LinkSender(100), LinkReceiver(100)
    for sequence, size in enumerate((24, 24, 24, 24, 24), 1):
        sender.push(1, size, b"frame")
        receiver.receive(1, sequence, size)
    assert not sender.can_send(1)
    assert dues_of(receiver, range(1, 6)) == [False, True, True, True, True]
    for edge, sequence in receiver.grants().items():
        sender.granted(edge, sequence)
    assert sender.can_send(1)


def test_a_new_connection_is_told_again_what_was_taken() -> None:
    receiver = LinkReceiver(100)
    receiver.receive(1, 1, 1)
    receiver.taken(1, 1)
    assert receiver.grants() == {1: 1}
    receiver.reconnected()
    assert receiver.due
    assert receiver.grants() == {1: 1}


def test_a_narrow_edge_has_one_batch_in_flight_which_is_granted_when_it_is_taken() -> None:
    sender = LinkSender(100, frozenset({1}))
    receiver = LinkReceiver(100, frozenset({1}))
    sender.push(1, 1, b"a small one")
    assert (sender.can_send(1), sender.can_send(2)) == (False, True)
    receiver.receive(1, 1, 1)
    receiver.taken(1, 1)
    assert receiver.due
    for edge, sequence in receiver.grants().items():
        sender.granted(edge, sequence)
    assert sender.can_send(1)
