"""Does an exactly-once sink keep its guarantee? `prove_sink` tries what breaks it."""

from functools import partial
from pathlib import Path

from wallarood.testing.connectors.breaking import BREAKING
from wallarood.testing.connectors.cases import SinkCase, SinkTrials
from wallarood.testing.connectors.fencing import FENCING, Trial
from wallarood.testing.connectors.proofs import NOT_TRIED, Proof, try_all

CLAIM = "every record once and in order, whichever side dies"


async def prove_sink(case: SinkCase, directory: Path) -> Proof:
    """Try what breaks a sink; spools are kept below *directory*.

    Raises AssertionError: it does not keep its guarantee; the message says in which trial, what a
    reader sees, and what it must see.

    In a test: ``print(await prove_sink(SinkCase(sink=…, read=…, server=…), tmp_path))``.
    """
    proof = Proof(getattr(case.sink, "server", type(case.sink).__name__), CLAIM)
    trials = SinkTrials(case, directory)
    attempts = {
        name: partial(_tried, trials, trial) for name, trial in {**FENCING, **BREAKING}.items()
    }
    return await try_all(proof, attempts, case.only)


async def _tried(trials: SinkTrials, trial: Trial) -> str:
    try:
        what = await trial(trials)
        if not what.startswith(NOT_TRIED):
            await trials.check()
    except Exception:
        for life in trials.lives:
            await life.close_all()
        raise
    return what
