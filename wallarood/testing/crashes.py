"""Running a pipeline with crashes: its output must be the same as without."""

from collections.abc import Mapping, Sequence
from typing import Any

import trio

from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import Application
from wallarood.runtime.setups import opened
from wallarood.testing.lists import batches, run_async
from wallarood.testing.stages import Stages, sources_of

HINT = (
    "after a crash records are processed again, with the state of the last checkpoint: is "
    "something kept outside the state object, or taken from the clock or a random generator?"
)


def run_with_crashes(
    application: Application, inputs: Mapping[str, Sequence[Any]], *, every: int = 10
) -> dict[str, list[Any]]:
    """Run *application* on *inputs* with a crash after every *every* records (default 10).

    Each crash loses what has been done since the last checkpoint; the records since then are
    processed again, and then a checkpoint is taken. So every record is processed twice, once in
    vain. The result is that of `run`.

    Raises AssertionError: a sink got something else than without crashes; the message says which,
    what and where. Raises ApplicationError: as `run`, or a state cannot be stored. Inside trio use
    `run_with_crashes_async`.

    >>> import wallarood as w
    >>> from wallarood import testing
    >>> class Total:
    ...     value = 0
    >>> @w.state_computation(state=Total)
    ... def add(number: int, total: Total) -> int:
    ...     total.value += number
    ...     return total.value
    >>> numbers = w.source("numbers", w.GeneratorSource(count=3))
    >>> app = w.application("sums", numbers.to(add).to_sink(w.StdoutSink(), name="sums"))
    >>> testing.run_with_crashes(app, {"numbers": [1, 2, 3]}, every=2)
    {'sums': [1, 3, 6]}
    """
    return trio.run(lambda: run_with_crashes_async(application, inputs, every=every))


async def run_with_crashes_async(
    application: Application, inputs: Mapping[str, Sequence[Any]], *, every: int = 10
) -> dict[str, list[Any]]:
    """As `run_with_crashes`, for a test that is itself a coroutine function run by trio."""
    if every < 1:
        raise ApplicationError(f"every={every}: expected 1 or more")
    expected = await run_async(application, inputs, batch_records=every)
    stages = Stages(application)
    async with opened(application.setups):
        for source in sources_of(application, inputs):
            for records in batches(inputs[source], every):
                await stages.feed(source, records)
                stages.crash()
                await stages.feed(source, records)
                stages.checkpoint()
            await stages.loaded(source)
        await stages.end()
        stages.crash()
        await stages.end()
    for sink, wanted in expected.items():
        _compare(sink, stages.results[sink], wanted)
    return stages.results


def _compare(sink: str, found: list[Any], wanted: list[Any]) -> None:
    if found == wanted:
        return
    pairs = zip(found, wanted, strict=False)
    place = next((n for n, (one, other) in enumerate(pairs) if one != other), None)
    if place is None:
        raise AssertionError(
            f"sink {sink!r} got {len(found):,} records with crashes and {len(wanted):,} without; "
            + HINT
        )
    raise AssertionError(
        f"sink {sink!r}, record {place}: {found[place]!r:.200} with crashes, "
        f"{wanted[place]!r:.200} without; {HINT}"
    )
