"""Formation under simulation: whatever is lost, late, parted or dead, one cluster or none."""

import pytest
from simulation_formation import Sim, SimulationError, Transform, simulate

from wallarood.control.effects import Effect, Persist, PersistNever, Send
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


def announce_before_persist(_: Sim, __: str, effects: list[Effect]) -> list[Effect]:
    said = [e for e in effects if isinstance(e, Send) and isinstance(e.message, Committed)]
    return [*said, *(each for each in effects if each not in said)]


def prepared_before_persist(_: Sim, __: str, effects: list[Effect]) -> list[Effect]:
    said = [e for e in effects if isinstance(e, Send) and isinstance(e.message, Prepared)]
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
    for seed in range(SEEDS):
        try:
            simulate(seed, **options)
        except SimulationError:
            return True
    return False


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
