"""Does a replayable source keep its guarantee? `prove_source` tries what breaks it."""

from functools import partial
from pathlib import Path

from wallarood.testing.connectors.proofs import Proof, try_all
from wallarood.testing.connectors.reading import READING
from wallarood.testing.connectors.source_cases import SourceCase, SourceTrials

CLAIM = "what follows a position is read again, and nothing is skipped"


async def prove_source(case: SourceCase, directory: Path) -> Proof:
    """Try what breaks a source; what it keeps itself is below *directory*.

    Raises AssertionError: it does not keep its guarantee; the message says in which trial, what is
    read, and what should be.
    """
    proof = Proof(type(case.source).__name__, CLAIM)
    trials = SourceTrials(case, str(directory))
    attempts = {name: partial(trial, trials) for name, trial in READING.items()}
    return await try_all(proof, attempts, case.only)
