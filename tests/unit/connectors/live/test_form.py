"""What comes is a value, or something unreadable that says where it came from."""

import msgspec

from wallarood.app.connector import Unreadable
from wallarood.connectors.live.form import ValueForm, stopped_by


def test_values_are_decoded_or_unreadable() -> None:
    form = ValueForm(msgspec.json.Decoder(int).decode, "a server")
    assert form.value(b"1") == 1
    found = form.value(b"one")
    assert isinstance(found, Unreadable)
    assert (found.raw, found.place) == (b"one", "a server")
    assert ValueForm(None, "").value(b"x") == b"x"
    assert isinstance(form.value(b"[" * 100_000), Unreadable)


def test_a_source_that_stops_says_what_it_was_and_what_to_do() -> None:
    message = stopped_by(Unreadable("no number", b"one", "a server")).message
    assert "a server has sent what cannot be read: no number" in message
    assert "say on_error=" in message
