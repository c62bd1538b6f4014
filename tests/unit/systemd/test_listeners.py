"""Listeners by name: no source takes that of a channel."""

import socket

import pytest

from wallarood.systemd import listeners


def test_a_source_is_called_as_it_is() -> None:
    assert listeners.source_name("orders") == "orders"


@pytest.mark.parametrize("step", ["control", "data", "a:b", "größe", "a\nb", "", "x" * 300])
def test_a_name_that_is_taken_or_that_systemd_does_not_take_gets_another(step: str) -> None:
    name = listeners.source_name(step)
    assert name.startswith("source-")
    assert name.isascii()
    assert ":" not in name
    assert len(name) < 255


def test_different_sources_have_different_names() -> None:
    steps = ["data", "source-data", "source-source-data", "control", "a:b", "a%3Ab"]
    assert len({listeners.source_name(step) for step in steps}) == len(steps)


def test_a_source_called_data_does_not_get_the_socket_of_the_data_channel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as channel:
        port = channel.getsockname()[1]
        monkeypatch.setattr(listeners, "_held", {"data": [channel]})
        assert listeners.held(listeners.source_name("data"), "127.0.0.1", port) == []
        [own] = listeners.held("data", "127.0.0.1", port)
        own.close()
