"""What a worker starts as, and what becomes of what is on disk for that."""

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from support.retained import keep

import wallarood as w
from wallarood.config.load import Config, load_config
from wallarood.control.formation.startup import Role
from wallarood.daemon.start.choice import starting_as
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import RefusedError
from wallarood.model.ids import Address
from wallarood.model.pipeline import Application
from wallarood.model.topology import Topology
from wallarood.storage.archives import Evicted, forget_evicted, note_evicted, read_evicted
from wallarood.storage.checkpoint_files import open_checkpoints
from wallarood.storage.state_directory import StateDirectory, open_state_directory


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    directory = open_state_directory(tmp_path / "state")
    yield directory
    directory.close()


@pytest.fixture
def application() -> Application:
    return w.application("a", w.source("in", w.ListSource(["x"])).to_sink(w.StdoutSink()))


def config(**given: object) -> Config:
    given = {"name": "alpha", "control-channel": "127.0.0.1:7700", **given}
    return load_config([], {f"worker.{key}": ("test", value) for key, value in given.items()})


def record(application: Application, state: RecordState, worker: str = "alpha") -> ClusterRecord:
    topology = Topology(1, "a", ("alpha", "beta"), (), ())
    return ClusterRecord("wc-1", state, worker, "alpha", application.fingerprint, topology, ())


async def test_without_a_record_a_new_cluster_is_formed_from_what_the_sources_list(
    state: StateDirectory, application: Application
) -> None:
    start = await starting_as(config(), application, state)
    assert (start.record, start.asked) == (None, None)
    assert [each.source for each in start.listings] == ["in"]


async def test_a_cluster_that_has_started_is_rejoined_without_listing(
    state: StateDirectory, application: Application
) -> None:
    state.save_record(record(application, RecordState.STARTED))
    start = await starting_as(config(**{"cluster-id": "auto"}), application, state)
    assert start.record is not None
    assert start.listings == ()


@pytest.mark.parametrize("evicts", [True, False])
async def test_who_evicts_by_itself_knows_from_the_start_that_an_upgrade_is_pending(
    state: StateDirectory, application: Application, evicts: bool
) -> None:
    known = record(application, RecordState.COMMITTED)
    state.save_record(known)
    store = open_checkpoints(state.checkpoints_path, known.cluster_id)
    for name in ("upgrade --drop total", "nightly"):
        keep(store, name, 0)
    store.close()
    state.save_record(attrs.evolve(known, state=RecordState.STARTED))
    told = {"cluster-id": "auto"}
    loaded = config(**told)
    if evicts:
        loaded = attrs.evolve(loaded, values={**loaded.values, "cluster.evict-after": 10.0})
    start = await starting_as(loaded, application, state)
    assert start.waits == ((("upgrade --drop total", 0),) if evicts else ())


async def test_a_former_cluster_is_archived_for_a_new_one(
    state: StateDirectory, application: Application
) -> None:
    state.save_record(record(application, RecordState.STARTED))
    start = await starting_as(config(), application, state)
    assert start.record is None
    assert state.load_record() is None
    assert [each.name.partition("-")[2] for each in state.archives()] == ["wc-1"]


async def test_what_the_initializer_has_proposed_and_not_committed_will_never_be(
    state: StateDirectory, application: Application
) -> None:
    state.save_record(record(application, RecordState.PREPARED))
    start = await starting_as(config(**{"topology-initializer": True}), application, state)
    assert start.record is None
    assert state.load_record() is None


async def test_an_archived_cluster_is_brought_back_when_it_is_asked_for(
    state: StateDirectory, application: Application
) -> None:
    state.save_record(record(application, RecordState.STARTED))
    state.archive_record()
    start = await starting_as(config(**{"cluster-id": "wc-1"}), application, state)
    assert start.record is not None


async def test_an_initializer_has_no_worker_to_ask(
    state: StateDirectory, application: Application
) -> None:
    asking = config(**{"cluster-id": "wc-9", "topology-initializer": True})
    with pytest.raises(RefusedError, match="holds no state of wc-9"):
        await starting_as(asking, application, state)
    asking = config(**{"cluster-id": "wc-9", "topology-initializer": False, "count": 2})
    start = await starting_as(asking, application, state)
    assert start.asked == "wc-9"


async def test_an_evicted_initializer_does_not_form_a_cluster_beside_the_one_that_goes_on(
    state: StateDirectory, application: Application
) -> None:
    note_evicted(state.path, Evicted("alpha was evicted at epoch 2", (Address("b", 1),)))
    first = config(**{"topology-initializer": True, "count": 2})
    with pytest.raises(RefusedError, match=r"alpha was evicted at epoch 2.*start it with --join"):
        await starting_as(first, application, state)
    # It joins where it is told to, or is no initializer.
    assert (await starting_as(first, application, state, role=Role.NEWCOMER)).joins
    await starting_as(config(count=2), application, state)
    forget_evicted(state.path)
    assert not (await starting_as(first, application, state)).joins


async def test_who_is_in_a_cluster_again_was_evicted_from_it_no_longer(
    state: StateDirectory, application: Application
) -> None:
    note_evicted(state.path, Evicted("alpha was evicted at epoch 2", ()))
    state.save_record(record(application, RecordState.STARTED))
    await starting_as(config(**{"cluster-id": "auto"}), application, state)
    assert read_evicted(state.path) is None
