"""Connectors are asked by their hooks, all of them, and what they say names the step."""

from typing import Any

import attrs
import pytest
import trio
from support.shelf import Shelf

import wallarood as w
from wallarood.checks import check_connectors, check_servers
from wallarood.model.errors import CannotCreateError, KeyRefusedError


@attrs.frozen
class Asked:
    """A sink that says what it is told to, when it is asked."""

    here: w.WallaroodError | None = None
    there: w.WallaroodError | None = None

    async def open(self, *context: Any) -> Any:
        raise AssertionError(f"a check opens nothing: {context}")

    def check(self) -> None:
        if self.here is not None:
            raise self.here

    async def check_connected(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.there is not None:
            raise self.there


def application(*sinks: Any) -> w.Application:
    ends = [
        w.source(f"in {n}", w.GeneratorSource(count=1)).to_sink(sink, name=f"out {n}")
        for n, sink in enumerate(sinks)
    ]
    return w.application("app", *ends)


def test_all_say_at_once_what_is_wrong_here() -> None:
    problems = [CannotCreateError("no directory"), None, KeyRefusedError("no key")]
    with pytest.raises(w.WallaroodError) as caught:
        check_connectors(application(w.StdoutSink(), *map(Asked, problems)))
    first, second = caught.value.message.splitlines()
    assert first.endswith(": out 1: no directory")
    assert first.startswith(__file__)
    assert second.endswith(": out 3: no key")
    assert caught.value.exit_code == CannotCreateError.exit_code
    check_connectors(application(Asked(None, KeyRefusedError("only there"))))


def test_servers_are_asked_too_if_they_are_to_be() -> None:
    away = Shelf(away=True).sink()
    there = Asked(there=KeyRefusedError("wrong password"))
    with pytest.raises(w.WallaroodError) as caught:
        check_servers(application(Shelf().sink(), away, w.StdoutSink(), there))
    first, second = caught.value.message.splitlines()
    assert first.endswith("out 1: the shelf: nobody is there")
    assert second.endswith("out 3: wrong password")
    assert caught.value.exit_code == 69


def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wallarood.checks.ANSWER_S", 0.05)

    class Silent(Asked):
        async def check_connected(self) -> None:
            await trio.sleep_forever()

    with pytest.raises(w.WallaroodError, match=r"out 0: no answer within 0 s"):
        check_servers(application(Silent()))
