"""Server-sent events, as the specification has them, cut anywhere."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.connectors.sse.parser import Event, EventParser, TooLongError

STREAM = (
    b"\xef\xbb\xbf: a comment\n\n"
    b"data: first\nid: 1\n\n"
    b"data:second\rdata\rdata:  third\r\r"
    b"event: add\r\ndata: 73857293\r\n\r\n"
    b"event: nothing\nid: 4\n\n"
    b"retry: 250\ndata: \xff\n\n"
    b"id: a\0b\nunknown: x\ndata: last\n\n"
    b"data: unfinished"
)
EVENTS = [
    Event("message", b"first", "1"),
    Event("message", b"second\n\n third", "1"),
    Event("add", b"73857293", "1"),
    Event("message", b"\xff", "4"),
    Event("message", b"last", "4"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_events_are_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    parser, found = EventParser(1000), []
    places = [0, *sorted(cuts), len(STREAM)]
    for start, end in itertools.pairwise(places):
        found += parser.feed(STREAM[start:end])
    assert found == EVENTS
    assert parser.id == "4"


def test_an_event_ends_with_a_carriage_return_at_once() -> None:
    parser = EventParser(1000)
    assert parser.feed(b"data: a\r\r") == [Event("message", b"a", "")]
    assert parser.feed(b"\ndata: b\r\n\r") == [Event("message", b"b", "")]


@pytest.mark.parametrize("sent", [b"data: " + b"x" * 200, b"data: xxxxxxxxx\n" * 20])
def test_an_event_that_is_too_long_is_refused(sent: bytes) -> None:
    with pytest.raises(TooLongError, match="more than 100 bytes"):
        EventParser(100).feed(sent)
