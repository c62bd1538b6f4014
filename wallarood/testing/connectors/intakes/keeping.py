"""Does a source keep what it has acknowledged? `prove_intake` tries what breaks it.

For sources that cannot ask again for what they were sent, and journal it instead. The module is
also the program that such a source runs in, to be killed.
"""

import json
import os
import pickle
import random
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import structlog
import trio

from wallarood.app.connector import Source, SourceContext
from wallarood.model.errors import DamagedStateError, WallaroodError
from wallarood.testing.connectors.intakes.cases import IntakeCase, IntakeTrials
from wallarood.testing.connectors.killing import cancelled_at
from wallarood.testing.connectors.proofs import NOT_TRIED, Proof, compare, try_all

CLAIM = "what was acknowledged is read once and in order, whenever the process dies"
COUNT = 50
TURNS = 6
LIFE_MAX_S = 0.6
SAID = "said.log"
"""What processes have said that were killed."""


Trial = Callable[[IntakeTrials], Awaitable[str]]


async def read_again(trials: IntakeTrials) -> str:
    """From each position the same follows, in another life too."""
    reader = await trials.open()
    try:
        await trio.to_thread.run_sync(trials.send, COUNT)
        positions = await trials.read(reader, 0)
    finally:
        await reader.aclose()
    for done, position in [(0, None), *positions]:
        if json.loads(json.dumps(position)) != position:
            raise AssertionError(f"position {position!r} is not a value that JSON keeps")
        reader = await trials.open(position)
        try:
            await trials.read(reader, done)
        finally:
            await reader.aclose()
    return f"from each of {len(positions)} positions, and from the beginning"


async def read_cancelled(trials: IntakeTrials) -> str:
    """A `read` that is cancelled has taken nothing."""
    reader = await trials.open()
    found: list[Any] = []
    times = 0
    try:
        await trio.to_thread.run_sync(trials.send, COUNT)

        async def read() -> None:
            with trio.fail_after(trials.case.patience_s):
                batch = await reader.read()
            assert batch is not None, "it has ended"
            found.extend(batch.records)

        for turn in range(2 * len(trials.sent)):
            times += await cancelled_at(read, turn % TURNS)
            if len(found) >= len(trials.sent):
                break
        compare("after cancelled reads", found, trials.due[: len(found)])
    finally:
        await reader.aclose()
    return f"{times} times"


async def unread(trials: IntakeTrials) -> str:
    """More comes while nobody reads."""
    reader = await trials.open()
    try:
        await trio.to_thread.run_sync(trials.send, COUNT)
        await trials.read(reader, 0)
    finally:
        await reader.aclose()
    return f"{COUNT} records, acknowledged while nobody read"


async def killed(trials: IntakeTrials) -> str:
    """Its process dies while records are sent."""
    case = trials.case
    if not case.kills:
        return NOT_TRIED + "kills=0"
    before = len(trials.sent)
    for _ in range(case.kills):
        await trio.to_thread.run_sync(_one_life, trials)
    reader = await trials.open()
    try:
        await trio.to_thread.run_sync(trials.send, 1)  # what was under way is settled
        await trials.read(reader, 0)
    finally:
        await reader.aclose()
    count = len(trials.sent) - before
    return f"{case.kills} times by SIGKILL, while {count} records were sent"


def _one_life(trials: IntakeTrials) -> None:
    """Run the source in a process of its own, send to it, and kill it; what is lost comes again."""
    command = [sys.executable, "-m", "wallarood.testing.connectors.intakes.keeping"]
    paths = os.pathsep.join(each for each in sys.path if each)
    environment = {**os.environ, "PYTHONPATH": paths}
    wanted = pickle.dumps((trials.case.source, trials.context))
    trials.directory.mkdir(parents=True, exist_ok=True)
    said = trials.directory / SAID
    with (
        said.open("ab") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(wanted)
        process.stdin.close()
        if process.stdout.readline() != b"open\n":
            process.kill()
            found = said.read_text(errors="replace")[-3000:]
            raise AssertionError(f"the source cannot be opened:\n{found}")
        trials.send_one()
        killer = threading.Timer(random.uniform(0, LIFE_MAX_S), process.kill)
        killer.start()
        try:
            while process.poll() is None:
                trials.try_one()
        except OSError:
            pass  # it is sent again to the next life
        finally:
            killer.join()
            process.kill()


async def damaged(trials: IntakeTrials) -> str:
    """What it has kept is damaged."""
    reader = await trials.open()
    try:
        await trio.to_thread.run_sync(trials.send, COUNT)
    finally:
        await reader.aclose()
    files = [each for each in trials.directory.rglob("*") if each.is_file() and each.name != SAID]
    largest = max(files, key=lambda each: each.stat().st_size)
    content = bytearray(largest.read_bytes())
    kept = bytes(content)
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    try:
        reader = await trials.open()
        try:
            await trials.read(reader, 0)
        finally:
            await reader.aclose()
    except DamagedStateError as error:
        return f"refused: {error.message[:60]}…"
    finally:
        largest.write_bytes(kept)
    raise AssertionError(f"a byte in {largest} was changed, and that was not found out")


async def refused(trials: IntakeTrials) -> str:
    """It cannot work: the check and a worker say the same, and no secret."""
    case = trials.case
    if not case.wrong:
        return NOT_TRIED + "no wrong sources were given"
    for name, (source, word) in case.wrong.items():
        wrong = IntakeTrials(attrs.evolve(case, source=source), trials.directory / f"wrong-{name}")
        said = [await _said_by(partial(_work, wrong), case)]
        for hook in ("check", "check_connected"):
            if (check := getattr(source, hook, None)) is not None:
                said += [each for each in [await _said_by(partial(_ask, check), case, "")] if each]
        for message in said:
            assert word in message, f"{name}: it says, without {word!r}: {message}"
        assert len(set(said)) == 1, f"{name}: not the same is said: {said}"
    return ", ".join(case.wrong)


async def _work(trials: IntakeTrials) -> None:
    reader = await trials.open()
    try:
        await reader.read()
    finally:
        await reader.aclose()


async def _ask(check: Callable[[], Any]) -> None:
    answer = check()
    if answer is not None:
        await answer


async def _said_by(
    call: Callable[[], Awaitable[None]], case: IntakeCase, nothing: str | None = None
) -> str:
    try:
        with trio.fail_after(case.patience_s):
            await call()
    except WallaroodError as error:
        if any(each in error.message for each in case.secrets):
            raise AssertionError(f"a secret is shown: {error.message}") from error
        return error.message
    except trio.TooSlowError:
        raise AssertionError(f"nothing was said within {case.patience_s:.0f} s") from None
    assert nothing is not None, "it works"
    return nothing


KEEPING: dict[str, Trial] = {
    "read again": read_again,
    "read cancelled": read_cancelled,
    "nobody reads": unread,
    "killed at any moment": killed,
    "journal damaged": damaged,
    "refused": refused,
}


async def prove_intake(case: IntakeCase, directory: Path) -> Proof:
    """Try what breaks a source that journals; journals are kept below *directory*.

    Raises AssertionError: it does not keep its guarantee; the message says in which trial, what is
    read, and what should be.
    """
    proof = Proof(type(case.source).__name__, CLAIM)
    trials = IntakeTrials(case, directory)
    attempts = {name: partial(trial, trials) for name, trial in KEEPING.items()}
    return await try_all(proof, attempts, case.only)


async def _serve(source: Source, context: SourceContext) -> None:
    reader = await source.open(source.partitions()[0], None, context)
    print("open", flush=True)
    while True:
        await reader.read()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    trio.run(_serve, *pickle.load(sys.stdin.buffer))
