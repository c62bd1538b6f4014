"""A real worker is asked on its socket and over the network: the same, and what is really so."""

import http.client
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from support.lone import Lone, lone_worker
from support.patience import patiently
from support.ports import free_port

import wallarood as w
from wallarood.admin import client
from wallarood.admin.orders import Orders
from wallarood.daemon.doors import Doors
from wallarood.daemon.watching import Watching


class Seen:
    count = 0


@w.state_computation(state=Seen, on_error="skip")
def seen(number: int, state: Seen) -> int:
    if number % 100 == 3:
        raise ValueError(f"{number} is wrong")
    state.count += 1
    return number


def application() -> w.Application:
    stream = w.source("numbers", w.GeneratorSource(rate=2000)).key_by(lambda n: n % 10, name="by")
    return w.application("watched", stream.to(seen).to_sink(w.ListSink([]), name="out"))


@asynccontextmanager
async def watched(directory: Path, **values: Any) -> AsyncIterator[tuple[Lone, Path]]:
    """A worker that runs, and its admin socket."""
    socket = directory / "admin.sock"
    values = {"admin__socket": str(socket), "checkpoint__interval": "200ms", **values}
    with Doors() as doors:
        async with lone_worker(directory, application(), **values) as lone:
            orders = Orders(lone.worker, 1.0, list)
            of = (lone.worker, lone.parts.config, lone.parts.state.path, orders)
            watching = Watching(*of, doors, trio.current_time())
            await lone.worker.nursery.start(watching.serve)
            await lone.running()
            yield lone, socket


async def asked(socket: Path, target: str) -> Any:
    return await trio.to_thread.run_sync(client.ask, socket, "GET", f"/api/v1/{target}")


async def until(socket: Path, so: Any) -> Any:
    """The status, as soon as something is so in it."""
    with patiently(20):
        while True:
            status = await trio.to_thread.run_sync(client.status, socket)
            if so(status):
                return status
            await trio.sleep(0.1)


async def test_status_has_rates_states_failures_and_what_became_of_checkpoints(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as (_, socket):

        def seen_in(status: Any) -> Any:
            return next(each for each in status.stages if each.name == "seen")

        status = await until(
            socket,
            lambda s: (
                s.rate > 500
                and seen_in(s).rate > 500
                and seen_in(s).failures
                and seen_in(s).hot_keys
                and s.delivery.counts
                and sum(s.delivery.counts) > 100
            ),
        )
        stage = seen_in(status)
        assert stage.rate > 500
        assert 0 < stage.busy <= 1
        assert stage.busy + stage.blocked + stage.idle == pytest.approx(1)
        assert [(each.computation, each.keys) for each in stage.states] == [("seen", 10)]
        assert stage.states[0].bytes > 0
        assert "is wrong" in stage.failures[-1].error
        assert stage.failures[-1].line > 0
        assert stage.hot_keys[0].share > 0.05
        assert status.checkpoint.succeeded > 0
        run = next(each for each in status.checkpoint.recent if each.outcome == "committed")
        assert run.write_s is not None
        assert run.collect_s is not None
        assert run.size_bytes is not None
        assert status.host.disk_free_bytes is not None or await until(
            socket, lambda s: s.host.disk_free_bytes
        )
        assert status.host.starts == 1


async def test_records_and_states_are_shown_where_that_is_allowed(tmp_path: Path) -> None:
    async with watched(tmp_path) as (_, socket):
        await until(socket, lambda s: s.rate > 0)
        tapped = (await asked(socket, "tap?stage=seen&key=7&count=3"))["workers"]["alpha"]
        assert {each["key"] for each in tapped} == {"7"}
        assert all(int(each["record"]) % 10 == 7 for each in tapped)
        assert len(tapped) == 3
        (state,) = (await asked(socket, "state?computation=seen&key=7"))["workers"]["alpha"]
        assert state["value"].startswith("Seen(count=")
        keys = (await asked(socket, "keys?computation=seen"))["workers"]["alpha"]
        assert {each["key"] for each in keys} == {str(n) for n in range(10)}


async def test_nothing_of_the_records_is_shown_where_that_is_not_allowed(tmp_path: Path) -> None:
    async with watched(tmp_path, security__tap=False) as (_, socket):
        status = await until(socket, lambda s: any(stage.failures for stage in s.stages))
        stage = next(each for each in status.stages if each.failures)
        assert stage.failures[0].record == "(hidden: security.tap)"
        assert {each.key for each in stage.hot_keys} <= {"(hidden: security.tap)"}
        with pytest.raises(client.NotNowError, match=r"security\.tap is false"):
            await asked(socket, "tap?stage=seen")


async def test_the_same_is_served_over_the_network(tmp_path: Path) -> None:
    port = free_port()
    async with watched(tmp_path, admin__http=f"127.0.0.1:{port}"):

        def ask() -> Any:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/api/v1/status")
            value = json.load(connection.getresponse())
            connection.close()
            return value

        assert (await trio.to_thread.run_sync(ask))["worker"] == "alpha"
