"""Records as messages."""

from typing import Any

import pytest

import wallarood as w
from wallarood.connectors.kafka.encode import MessageEncoder
from wallarood.connectors.values import encoder_of

ENCODE = MessageEncoder(encoder_of("KafkaSink", "json", "out"), None, "out")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"headers": (("a", 1),)}, "header"),
        ({"headers": ((b"a", b"1"),)}, "header"),
        ({"headers": ("ab",)}, "header"),
        ({"time": -1}, "before 1970"),
    ],
)
def test_what_no_message_can_have_is_refused_where_it_is_made(
    more: dict[str, Any], said: str
) -> None:
    with pytest.raises(w.ApplicationError, match=said):
        ENCODE([w.KafkaMessage(1), w.KafkaMessage(2, **more)])


def test_headers_and_time_are_kept() -> None:
    message = w.KafkaMessage(1, b"k", (("a", b"1"), ("b", None)), 5_000)
    assert ENCODE([message, 2]) == [
        (b"1", b"k", [("a", b"1"), ("b", None)], 5),
        (b"2", None),
    ]
