"""Setups of every form are opened in order, held by one task, and closed in the opposite order."""

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import trio

import wallarood as w
from wallarood import testing
from wallarood.app.setups import Setup
from wallarood.runtime.setups import Setups, opened


class Forms:
    """A setup of each form, and what happened to them in order."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.threads: list[int] = []

        @w.setup
        def plain() -> str:
            return self._open("plain")

        @w.setup
        async def awaited() -> str:
            await trio.lowlevel.checkpoint()
            return self._open("awaited")

        @w.setup
        def generator() -> Iterator[str]:
            yield self._open("generator")
            self._close("generator")

        @w.setup
        async def async_generator() -> AsyncIterator[str]:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                yield self._open("async_generator")
                await trio.lowlevel.checkpoint()
                self._close("async_generator")
                nursery.cancel_scope.cancel()

        @contextlib.contextmanager
        def managed() -> Iterator[str]:
            yield self._open("managed")
            self._close("managed")

        @w.setup(blocking=True)
        def in_thread() -> Iterator[str]:
            self.threads.append(threading.get_ident())
            yield self._open("in_thread")
            self.threads.append(threading.get_ident())
            self._close("in_thread")

        self.all: tuple[Setup[str], ...] = (
            plain,
            awaited,
            generator,
            async_generator,
            w.setup(managed),
            in_thread,
        )

    def _open(self, name: str) -> str:
        self.happened.append(f"open {name}")
        return name

    def _close(self, name: str) -> None:
        self.happened.append(f"close {name}")


CLOSED = ["close in_thread", "close managed", "close async_generator", "close generator"]


async def test_every_form_gives_its_value_while_it_is_open() -> None:
    forms = Forms()
    async with opened(forms.all):
        assert [each() for each in forms.all] == [each.name for each in forms.all]
        assert forms.happened == [f"open {each.name}" for each in forms.all]
    assert forms.happened[-4:] == CLOSED
    assert threading.get_ident() not in forms.threads
    assert not any(each.opened for each in forms.all)


async def test_an_error_of_what_runs_meanwhile_passes_and_all_are_closed() -> None:
    forms = Forms()

    @w.setup
    def hiding() -> Iterator[int]:
        with contextlib.suppress(ValueError):
            yield 1

    with pytest.raises(ValueError, match="of a record"):
        async with opened((hiding, *forms.all)):
            raise ValueError("of a record")
    assert forms.happened[-4:] == CLOSED


async def test_a_worker_opens_once_and_closes_at_its_end() -> None:
    forms, failures = Forms(), list[w.ApplicationError]()
    setups = Setups(forms.all)
    async with trio.open_nursery() as nursery:
        for _round in range(2):
            with trio.CancelScope() as scope:
                await setups.open(nursery, failures.append)
                scope.cancel()
                await trio.lowlevel.checkpoint()
        assert forms.all[3]() == "async_generator"
        await setups.close()
    assert forms.happened == [*(f"open {each.name}" for each in forms.all), *CLOSED]
    assert failures == []


async def test_one_that_cannot_be_opened_is_named_and_those_before_it_are_closed() -> None:
    forms = Forms()

    @w.setup
    async def broken() -> None:
        raise ConnectionError("nobody there")

    setups = Setups((*forms.all, broken))
    async with trio.open_nursery() as nursery:
        with pytest.raises(w.ApplicationError) as caught:
            await setups.open(nursery, [].append)
    assert caught.value.message.startswith(f"setup 'broken' failed at {__file__}:")
    assert caught.value.message.endswith("ConnectionError: nobody there")
    assert forms.happened[-4:] == CLOSED


async def test_one_that_fails_while_it_is_open_is_told() -> None:
    lost = trio.Event()

    async def watch() -> None:
        await lost.wait()
        raise ConnectionError("lost")

    @w.setup
    async def client() -> AsyncIterator[int]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            yield 1

    failures: list[w.ApplicationError] = []
    async with trio.open_nursery() as nursery:
        await Setups((client,)).open(nursery, failures.append)
        lost.set()
    assert [each.message.partition(" at ")[0] for each in failures] == ["setup 'client' failed"]
    assert failures[0].message.endswith("ConnectionError: lost")


def test_testing_opens_them_unless_a_value_is_in_their_place() -> None:
    asked: list[str] = []

    @w.setup
    async def rate() -> AsyncIterator[int]:
        asked.append("open")
        yield 2
        asked.append("close")

    def converted(amount: int) -> int:
        return amount * rate()

    amounts = w.source("amounts", w.ListSource([]))
    app = w.application(
        "a", amounts.map(converted).to_sink(w.StdoutSink(), name="out"), setup=[rate]
    )
    with rate.using(3):
        assert testing.run(app, {"amounts": [1]}) == {"out": [3]}
    assert asked == []
    assert testing.run_with_crashes(app, {"amounts": [1, 2]}, every=1) == {"out": [2, 4]}
    assert asked == ["open", "close", "open", "close"]
