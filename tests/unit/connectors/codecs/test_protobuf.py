"""Messages in Protobuf."""

import pickle
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

import wallarood as w
from wallarood.connectors.codecs.codec import NotReadableError


def test_messages_come_back_as_they_were() -> None:
    codec = w.Protobuf(Duration)
    raw = codec.encoder("out")([Duration(seconds=5), {"seconds": 6, "nanos": 7}])
    assert [codec.decoder()(each) for each in raw] == [
        Duration(seconds=5),
        Duration(seconds=6, nanos=7),
    ]
    assert codec.record is Duration
    assert pickle.loads(pickle.dumps(codec)) == codec


def test_what_is_no_message_cannot_be_read() -> None:
    with pytest.raises(NotReadableError):
        w.Protobuf(Duration).decoder()(b"\xff\xff")


@pytest.mark.parametrize("record", [7, Timestamp(), {"no": 1}, {"seconds": "x"}])
def test_what_cannot_be_written_is_named(record: Any) -> None:
    with pytest.raises(w.ApplicationError, match=r"(?s)sink 'out' .* as Duration: .*record: "):
        w.Protobuf(Duration).encoder("out")([record])


def test_only_a_generated_class_is_taken() -> None:
    with pytest.raises(w.ApplicationError, match="expected a class of a message that protoc"):
        w.Protobuf(dict)
