"""Who goes on with journals: each has one reader, and nobody listens for what was left."""

import attrs
from hypothesis import given
from hypothesis import strategies as st

import wallarood as w
from wallarood.model.topology import Stage, Topology
from wallarood.planning.change import left_behind, moves, replan
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan
from wallarood.planning.sources.journals import heir_of, origin_of

NAMES = ("alpha", "beta", "gamma", "delta")
groups = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True).map(tuple)


def application(scope: str) -> w.Application:
    source = w.TcpSource("0.0.0.0:7800", scope=scope)  # type: ignore[arg-type]
    return w.application("a", w.source("in", source).to_sink(w.ListSink([])))


def formed(app: w.Application, workers: tuple[str, ...]) -> Topology:
    mine = list_partitions(app)
    return plan(app, workers, tuple((each, mine) for each in workers))


def reading(topology: Topology) -> Stage:
    return topology.stages[0]


@given(st.lists(groups, min_size=2, max_size=7))
def test_every_worker_listens_and_each_journal_has_one_reader(
    lives: list[tuple[str, ...]],
) -> None:
    app = application("local")
    topology = formed(app, lives[0])
    left: set[str] = set()
    for epoch, members in enumerate(lives[1:], start=2):
        before = topology
        stay = tuple(each for each in before.workers if each in members)
        workers = (*stay, *(each for each in members if each not in stay))
        topology = replan(app, before, workers, epoch=epoch)
        assert not left_behind(app, before, workers)
        left |= {f"0.0.0.0:7800, left by {n} at epoch {epoch}" for n in before.workers} - {
            f"0.0.0.0:7800, left by {n} at epoch {epoch}" for n in workers
        }
        found = reading(topology).source_partitions
        listening = [each.worker for each in found if not each.left_by]
        assert sorted(listening) == sorted(workers)
        assert sorted(each.partition for each in found if each.left_by) == sorted(left)
        assert {each.worker for each in found} <= set(workers)
        step = app.step("in")
        origins = [origin_of(step, each, reading(before)) for each in found]
        known = [each for each in origins if each is not None]
        assert len({(each.partition, each.worker) for each in known}) == len(known)
        assert {*known} == {*reading(before).source_partitions}
        moved = [each for each in moves(before, topology) if each.partitions]
        assert {each.source for each in moved} <= set(before.workers) - set(workers)


def test_the_one_listener_moves_with_its_journal() -> None:
    app = application("shared")
    before = formed(app, NAMES[:2])
    (read,) = reading(before).source_partitions
    (stays,) = {*NAMES[:2]} - {read.worker}
    after = replan(app, before, (stays,), epoch=2)
    assert reading(after).source_partitions == (attrs.evolve(read, worker=stays),)
    assert origin_of(app.step("in"), reading(after).source_partitions[0], reading(before)) == read
    (moved,) = (each for each in moves(before, after) if each.partitions)
    assert (moved.source, moved.target, moved.partitions) == (read.worker, stays, ("0.0.0.0:7800",))


def test_clients_of_several_move_only_if_their_worker_goes() -> None:
    source = w.MqttSource("mqtt://127.0.0.1:1", "topic", client_id="here", clients=3)
    app = w.application("a", w.source("in", source).to_sink(w.ListSink([])))
    before = formed(app, NAMES[:3])
    was = {each.partition: each.worker for each in reading(before).source_partitions}
    after = replan(app, before, NAMES[:2], epoch=2)
    for each in reading(after).source_partitions:
        gone = was[each.partition] == "gamma"
        assert each.worker in NAMES[:2] if gone else each.worker == was[each.partition]


def test_the_heir_is_the_next_in_the_ring() -> None:
    assert heir_of("gamma", NAMES, ("alpha", "delta")) == "delta"
    assert heir_of("delta", NAMES, ("beta",)) == "beta"
    assert heir_of("alpha", NAMES, ("epsilon",)) == "epsilon"
