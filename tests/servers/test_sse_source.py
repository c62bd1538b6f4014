"""Server-sent events: what was missed is asked for by its ID; what cannot be is said to be lost."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from support.intakes import opened, read, read_on
from support.patience import patiently
from support.ports import free_port
from support.servers.counting import RESTS, check_all, count_through
from support.servers.hooks import forget, received
from support.servers.process import Server
from support.web import post

import wallarood as w
from wallarood.model.errors import ConfigurationError, ServerAwayError


@pytest.fixture(autouse=True)
def _nothing_there(hooks: Server) -> Iterator[None]:
    forget(hooks.directory)
    yield
    forget(hooks.directory)


def url(hooks: Server, path: str = "/events") -> str:
    return f"http://{hooks.address}{path}"


def add(hooks: Server, numbers: range) -> None:
    body = "".join(f"{number}\n" for number in numbers)
    assert post(hooks.port, body.encode(), "/events").code == 200


async def test_events_are_read_and_those_that_were_missed_too(
    hooks: Server, tmp_path: Path
) -> None:
    source = w.SseSource(url(hooks), record=int)
    add(hooks, range(10))
    async with opened(source, tmp_path) as reader:
        found, position = await read(reader, 10)
        await reader.committed(position)
    add(hooks, range(10, 20))
    async with opened(source, tmp_path, position) as reader:
        more, _ = await read(reader, 10)
        assert found + more == list(range(20))
        add(hooks, range(20, 23))
        assert (await read(reader, 3))[0] == [20, 21, 22]


async def test_messages_have_kind_id_and_time(hooks: Server, tmp_path: Path) -> None:
    add(hooks, range(2))
    async with opened(w.SseSource(url(hooks), messages=True), tmp_path) as reader:
        found, _ = await read(reader, 2)
    assert [(each.value, each.kind) for each in found] == [(0, "message"), (1, "message")]
    assert int(found[1].id) == int(found[0].id) + 1
    assert found[0].time > 0


async def test_a_server_that_is_killed_is_named_and_its_events_come_once(
    hooks: Server, tmp_path: Path
) -> None:
    source = w.SseSource(url(hooks), record=int)
    add(hooks, range(5))
    async with opened(source, tmp_path) as reader:
        found, position = await read(reader, 5)
        hooks.kill()
        try:
            with patiently(20), pytest.raises(ServerAwayError, match=f"{url(hooks)}"):
                await read_on(reader)
        finally:
            hooks.start()
    add(hooks, range(5, 9))
    async with opened(source, tmp_path, position) as reader:
        assert found + (await read(reader, 4))[0] == list(range(9))


async def test_a_server_that_is_back_is_noticed_without_an_event(
    hooks: Server, tmp_path: Path
) -> None:
    """Else status would say that it is away until the next event."""
    async with opened(w.SseSource(url(hooks)), tmp_path) as reader:
        with patiently(20):
            assert (await reader.read()).records == []


async def test_events_without_ids_that_may_be_lost_are_said(hooks: Server, tmp_path: Path) -> None:
    source = w.SseSource(url(hooks, "/unnumbered"), record=int)
    async with opened(source, tmp_path) as reader:
        with patiently(20):
            await reader.read()  # it is connected
        add(hooks, range(3))
        _, position = await read(reader, 3)
    with structlog.testing.capture_logs() as said:
        async with opened(source, tmp_path, position) as reader:
            with patiently(20):
                await reader.read()
    assert any("events that were sent meanwhile are lost" in each["event"] for each in said)


@pytest.mark.parametrize(
    ("path", "said"),
    [("/nowhere", "answers 404 Not Found: check the URL"), ("/", "answers 404")],
)
async def test_what_is_wrong_is_said_by_check_and_worker(
    hooks: Server, tmp_path: Path, path: str, said: str
) -> None:
    source = w.SseSource(url(hooks, path))
    with pytest.raises(ConfigurationError, match=said) as checked:
        await source.check_connected()
    async with opened(source, tmp_path) as reader:
        with patiently(20), pytest.raises(ConfigurationError) as worked:
            await reader.read()
    assert worked.value.message == checked.value.message


async def test_a_server_that_is_not_there_is_said_by_check_and_worker(tmp_path: Path) -> None:
    source = w.SseSource(f"http://127.0.0.1:{free_port()}/events")
    with pytest.raises(ServerAwayError, match="cannot be reached") as checked:
        await source.check_connected()
    async with opened(source, tmp_path) as reader:
        with patiently(20), pytest.raises(ServerAwayError) as worked:
            await reader.read()
    assert worked.value.message == checked.value.message


async def test_data_that_cannot_be_read_stops_or_is_given(hooks: Server, tmp_path: Path) -> None:
    assert post(hooks.port, b"1\ntwo\n3\n", "/events").code == 200
    stopping = w.SseSource(url(hooks), record=int)
    async with opened(stopping, tmp_path) as reader:
        with patiently(20), pytest.raises(w.ApplicationError, match="say on_error="):
            await read(reader, 3)
    skipping = w.SseSource(url(hooks), record=int, on_error="skip")
    async with opened(skipping, tmp_path, 0) as reader:
        assert (await read(reader, 2))[0] == [1, 3]


def test_numbered_events_are_counted_once_whoever_dies(hooks: Server, tmp_path: Path) -> None:
    count_through(
        f'w.SseSource("{url(hooks)}", record=int)',
        f'w.HttpSink("{url(hooks, "/records")}")',
        feed=lambda numbers: add(hooks, numbers),
        read=lambda: pairs(hooks),
        directory=tmp_path,
        server=hooks,
    )
    assert {rest for rest, _ in pairs(hooks)} == set(range(RESTS))
    check_all(pairs(hooks), len(pairs(hooks)))


def pairs(hooks: Server) -> list[tuple[int, int]]:
    return [
        (int(rest), int(count))
        for _, body in received(hooks.directory)
        for rest, count in map(json.loads, body.splitlines())
    ]
