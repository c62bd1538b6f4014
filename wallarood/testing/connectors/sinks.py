"""Does an exactly-once sink keep its guarantee? `prove_sink` tries what breaks it."""

from pathlib import Path

from wallarood.testing.connectors.breaking import BREAKING
from wallarood.testing.connectors.cases import SinkCase, SinkTrials
from wallarood.testing.connectors.fencing import FENCING, NOT_TRIED, Trial
from wallarood.testing.connectors.proofs import Proof

CLAIM = "every record once and in order, whichever side dies"


async def prove_sink(case: SinkCase, directory: Path) -> Proof:
    """Try what breaks a sink; spools are kept below *directory*.

    Raises AssertionError: it does not keep its guarantee; the message says in which trial, what a
    reader sees, and what it must see.

    In a test: ``print(await prove_sink(SinkCase(sink=…, read=…, server=…), tmp_path))``.
    """
    proof = Proof(getattr(case.sink, "server", type(case.sink).__name__), CLAIM)
    trials = SinkTrials(case, directory)
    for name, trial in {**FENCING, **BREAKING}.items():
        if case.only and name not in case.only:
            proof.untried[name] = "left out"
            continue
        try:
            what = await _tried(trials, trial)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
        if what.startswith(NOT_TRIED):
            proof.untried[name] = what.removeprefix(NOT_TRIED)
        else:
            proof.shown[name] = what
    return proof


async def _tried(trials: SinkTrials, trial: Trial) -> str:
    try:
        what = await trial(trials)
        if not what.startswith(NOT_TRIED):
            await trials.check()
    except Exception as error:
        for life in trials.lives:
            await life.close_all()
        if isinstance(error, AssertionError):
            raise
        raise AssertionError(f"{type(error).__name__}: {error}") from error
    return what
