"""Formation under simulation: whatever is lost, late, parted or dead, one cluster or none."""

import pytest
from simulation_formation import Sim, SimulationError, Transform, simulate

from wallarood.control.effects import Effect, Persist, PersistNever, SendOnConnection
from wallarood.control.formation.initializer import Initializer
from wallarood.model.cluster_record import RecordState
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Committed, Prepared

SEEDS = 2000
CHUNK = 250


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_one_cluster_forms_once_faults_stop(first: int) -> None:
    for seed in range(first, first + CHUNK):
        simulate(seed)


@pytest.mark.parametrize("count", [2, 4, 5])
def test_one_cluster_forms_with_other_numbers_of_workers(count: int) -> None:
    workers = ("alpha", "beta", "gamma", "delta", "epsilon")[:count]
    for seed in range(150):
        simulate(seed, workers=workers)


@pytest.mark.parametrize("wanted", ["auto", None])
def test_one_cluster_forms_after_all_were_killed_at_any_effect(wanted: str | None) -> None:
    """All are started again the same way, with ``--cluster-id auto`` or without."""
    for at in range(1, 60):
        for seed in range(12):
            simulate(seed, wanted=wanted, kill_all_at=(at,))
            simulate(seed, wanted=wanted, kill_all_at=(at, at + 3 + 5 * seed))


def test_one_cluster_forms_without_a_cluster_id() -> None:
    for seed in range(500):
        simulate(seed, wanted=None)


@pytest.mark.parametrize("wanted", ["auto", None])
def test_one_cluster_forms_though_another_worker_is_made_the_initializer(
    wanted: str | None,
) -> None:
    for seed in range(600):
        at = seed % 60
        kills = (at, at + seed * 7 % 50)
        simulate(seed, wanted=wanted, flag_moves=True, kill_all_at=kills)


def test_faults_do_happen() -> None:
    """A simulation in which nothing goes wrong would show nothing."""
    logs = [line for seed in range(100) for line in simulate(seed).log]
    for what in ("dies", "fails", "says Never", "says Inquiry", "says Waiting"):
        assert sum(what in line for line in logs) > 10, what


def test_a_seed_replays_exactly() -> None:
    assert simulate(77).log == simulate(77).log


# ---- scenarios: what a seed has found ------------------------------------------------------------


def test_a_late_never_of_a_former_cluster_is_dropped_by_a_worker_that_is_prepared_again() -> None:
    for seed in (340, 479):
        simulate(seed)


# ---- planted bugs: each must be caught -----------------------------------------------------------


def saying(kind: type, effects: list[Effect]) -> list[Effect]:
    return [e for e in effects if isinstance(e, SendOnConnection) and isinstance(e.message, kind)]


def announce_before_persist(_: Sim, __: str, effects: list[Effect]) -> list[Effect]:
    said = saying(Committed, effects)
    return [*said, *(each for each in effects if each not in said)]


def prepared_before_persist(_: Sim, __: str, effects: list[Effect]) -> list[Effect]:
    said = saying(Prepared, effects)
    return [*said, *(each for each in effects if each not in said)]


def never_not_durable(_: Sim, __: str, effects: list[Effect]) -> list[Effect]:
    return [each for each in effects if not isinstance(each, PersistNever)]


def commit_not_durable(_: Sim, worker: str, effects: list[Effect]) -> list[Effect]:
    return [
        each
        for each in effects
        if not (
            worker == "alpha"
            and isinstance(each, Persist)
            and each.record.state is RecordState.COMMITTED
        )
    ]


class Hasty(Initializer):
    """Takes one worker less for all."""

    def _absent(self) -> list[WorkerName]:
        return super()._absent()[1:]


def caught(**options: object) -> bool:
    return bool(violation(**options))


def violation(seeds: int = SEEDS, **options: object) -> str:
    """What the first seed that finds something says; empty if none does."""
    for seed in range(seeds):
        try:
            simulate(seed, **options)
        except SimulationError as error:
            return str(error).partition("\n")[0]
    return ""


@pytest.mark.parametrize(
    "bug",
    [announce_before_persist, prepared_before_persist, never_not_durable, commit_not_durable],
    ids=lambda bug: bug.__name__,
)
def test_a_planted_order_of_effects_is_caught(bug: Transform) -> None:
    assert caught(transform=bug)


def test_commit_without_the_last_worker_is_caught() -> None:
    assert caught(initializer=Hasty)


def test_forgetting_a_record_in_doubt_at_restart_is_caught() -> None:
    assert caught(forget_doubt=True)


def test_a_cluster_that_never_gives_way_is_caught_by_a_kill_of_all_without_a_cluster_id() -> None:
    """One holds a cluster that another has begun, and so has put aside: they never meet."""
    found = [violation(12, wanted=None, kill_all_at=(at,), gives_way=False) for at in range(20, 50)]
    assert any("no cluster after" in each for each in found)


def test_the_initializer_by_flag_instead_of_by_record_is_caught() -> None:
    options = {"flag_moves": True, "kill_all_at": (20, 40), "role_by_flag": True}
    assert violation(300, **options)
