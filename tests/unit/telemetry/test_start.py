"""A worker sends to the collector that is configured: metrics, checkpoints and batches."""

from pathlib import Path
from typing import Any

import pytest
import trio
from support.lone import endless, lone_worker
from support.patience import patiently
from support.servers.otlp import Collector, collector_over_grpc, collector_over_http

from wallarood.admin.orders import Orders
from wallarood.daemon.doors import Doors
from wallarood.daemon.watching import Watching
from wallarood.model.errors import ConfigurationError


async def sent(directory: Path, receiver: Collector, **values: Any) -> None:
    """A worker sends until some of all has come."""
    values = {"otel__endpoint": receiver.endpoint, "otel__interval": "1s", **values}
    values |= {"checkpoint__interval": "100ms", "admin__socket": str(directory / "a.sock")}
    with Doors() as doors:
        async with lone_worker(directory, endless([]), **values) as lone:
            orders = Orders(lone.worker, 1.0, list)
            of = (lone.worker, lone.parts.config, lone.parts.state.path, orders)
            watching = Watching(*of, doors, trio.current_time())
            await lone.worker.nursery.start(watching.serve)
            await lone.running()
            with patiently(30):
                while not (  # noqa: ASYNC110 - a thread takes it
                    receiver.named("checkpoint on alpha") and receiver.numbers
                ):
                    await trio.sleep(0.05)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_metrics_checkpoints_and_batches_come_over_both_protocols(
    tmp_path: Path, protocol: str
) -> None:
    make = collector_over_http if protocol == "http" else collector_over_grpc
    with make() as receiver:
        await sent(tmp_path, receiver, otel__protocol=protocol)
    assert receiver.last("wallarood_round", "alpha") is not None
    names = {each.name for each in receiver.spans}
    assert {"checkpoint", "checkpoint on alpha", "write", "source numbers"} <= names
    assert any(name.startswith("sink ") for name in names)


async def test_a_wrong_file_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    values = {"otel__headers_file": str(tmp_path / "none")}
    with pytest.raises(ExceptionGroup) as refused:
        await sent(tmp_path, Collector("http://127.0.0.1:9"), **values)
    assert refused.group_contains(ConfigurationError, match=r"^otel.headers-file: .*No such file")
