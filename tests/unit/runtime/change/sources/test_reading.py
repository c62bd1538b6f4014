"""What a worker reads of journals in the next epoch, from where, and what it needs for it."""

import wallarood as w
from wallarood.model.topology import Topology
from wallarood.planning.change import replan
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan
from wallarood.runtime.change.sources.reading import Position, Reading

NAMES = ("alpha", "beta", "gamma")
TIME = w.event_time(len, out_of_order="1s")
SOURCE = w.TcpSource("0.0.0.0:7800", scope="local")
APP = w.application("a", w.source("in", SOURCE, time=TIME).to_sink(w.ListSink([])))
OWN, LEFT = "0.0.0.0:7800", "0.0.0.0:7800, left by gamma at epoch 2"


def formed(workers: tuple[str, ...]) -> Topology:
    mine = list_partitions(APP)
    return plan(APP, workers, tuple((each, mine) for each in workers))


def readings(before: Topology, after: Topology) -> dict[str, Reading]:
    return {each: Reading(APP, before, after, each) for each in after.workers}


def had() -> dict[str, list[Position]]:
    return {name: [("in", OWN, place, False)] for place, name in enumerate(NAMES)}


def test_the_heir_reads_on_where_the_leaver_stood() -> None:
    before = formed(NAMES)
    found = readings(before, replan(APP, before, NAMES[:2], epoch=2))
    assert found["alpha"].positions(had()) == [("in", OWN, 0, False), ("in", LEFT, 2, False)]
    assert found["beta"].positions(had()) == [("in", OWN, 1, False)]
    assert found["alpha"].gained() == {("in", LEFT)}


def test_all_that_listen_need_its_clients_and_the_heir_its_journal() -> None:
    before = formed(NAMES)
    for name, reading in readings(before, replan(APP, before, NAMES[:2], epoch=2)).items():
        (needed,) = reading.journals()
        assert (needed.owner, needed.origin.partition) == ("gamma", OWN)
        assert needed.partition == LEFT
        assert needed.comes == (name == "alpha")
        assert not reading.told_of_clients()


def test_who_joins_needs_what_the_others_have_inherited() -> None:
    before = formed(NAMES[:2])
    found = readings(before, replan(APP, before, NAMES, epoch=2))
    (told,) = found["gamma"].told_of_clients()
    assert (told.owner, told.comes) == ("alpha", False)
    assert found["gamma"].gained() == {("in", OWN)}
    for name in NAMES:
        assert not found[name].journals()
        assert name == "gamma" or not found[name].told_of_clients()


def test_what_was_lost_before_is_found_again_in_the_older_layout() -> None:
    """Nothing was committed since gamma went: its part is put together once more."""
    first = formed(NAMES)
    second = replan(APP, first, NAMES[:2], epoch=2)
    third = replan(APP, second, ("beta",), epoch=3)
    reading = Reading(APP, first, third, "beta")
    assert [(each.owner, each.origin.partition, each.comes) for each in reading.journals()] == [
        ("alpha", OWN, True),
        ("gamma", OWN, True),
    ]
    positions = {name: position for _, name, position, _ in reading.positions(had())}
    assert positions == {OWN: 1, f"{OWN}, left by alpha at epoch 3": 0, LEFT: 2}


def test_times_are_of_one_worker_and_only_the_heirs_get_others() -> None:
    before = formed(NAMES)
    (state,) = (name for name in before.stages[0].steps if name != "in")
    found = readings(before, replan(APP, before, NAMES[:2], epoch=2))
    assert found["alpha"].times_from("gamma", state) == {OWN: LEFT}
    assert found["alpha"].times_from("beta", state) == {}
    assert found["beta"].times_from("gamma", state) == {}
    assert found["beta"].times_from("gamma", "elsewhere") is None
