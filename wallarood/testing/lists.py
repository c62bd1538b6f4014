"""Running a pipeline on lists: no cluster, no files, no sockets."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import trio

from wallarood.flow.stamps import stamp_of
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import Application
from wallarood.runtime.setups import opened
from wallarood.testing.script import ScriptStep, run_script
from wallarood.testing.stages import Stages, sources_of

BATCH_RECORDS = 1024


def run(
    application: Application,
    inputs: Mapping[str, Sequence[Any]] | Sequence[ScriptStep],
    *,
    batch_records: int = BATCH_RECORDS,
    start: datetime | None = None,
) -> dict[str, list[Any]]:
    """Run *application* on *inputs*; return what its sinks got.

    *inputs* has the records of each source by the source's name; the result has those of each sink
    by the sink's name, dead-letter sinks included. Records are processed in the order of the lists,
    in batches of *batch_records* (default 1,024). State is new in each run. A list is what is there
    when a worker starts: where a stream waits for the rows of a table, it waits for that list.

    Instead of lists *inputs* may be a script: a list of steps `feed`, `idle`, `wall`, `checkpoint`,
    `stop` and `crash`, for what goes by time. Each record is then a batch of its own, with the
    watermark behind it. The wall clock begins at *start* (default: now) and stands still but where
    `wall` moves it. At the end of a script, and of lists, all sources have ended.

    Where records may go to another worker in a cluster they are treated as if they did: what cannot
    be sent fails, by the `on_error` of the computation that made it. A record that is not of its
    type hint is a `HintWarning`.

    Raises ApplicationError: a computation failed and its `on_error` is "stop", a key is of a type
    that cannot be one, or *inputs* does not name the sources. Raises AssertionError: a computation
    has changed a record after it had emitted it, or one of a pair that its join keeps. Inside trio
    use `run_async`.

    >>> import wallarood as w
    >>> from wallarood import testing
    >>> lines = w.source("lines", w.FileSource("book.txt"))
    >>> app = w.application(
    ...     "shout", lines.map(str.upper).to_sink(w.FileSink("loud"), name="loud")
    ... )
    >>> testing.run(app, {"lines": ["to be", "or not"]})
    {'loud': ['TO BE', 'OR NOT']}
    """
    return trio.run(
        lambda: run_async(application, inputs, batch_records=batch_records, start=start)
    )


async def run_async(
    application: Application,
    inputs: Mapping[str, Sequence[Any]] | Sequence[ScriptStep],
    *,
    batch_records: int = BATCH_RECORDS,
    start: datetime | None = None,
) -> dict[str, list[Any]]:
    """As `run`, for a test that is itself a coroutine function run by trio.

    >>> import trio
    >>> import wallarood as w
    >>> from wallarood import testing
    >>> async def test() -> None:
    ...     numbers = w.source("numbers", w.GeneratorSource(count=3))
    ...     app = w.application("copy", numbers.to_sink(w.StdoutSink(), name="out"))
    ...     assert await testing.run_async(app, {"numbers": [1, 2]}) == {"out": [1, 2]}
    >>> trio.run(test)
    """
    if not isinstance(inputs, Mapping):
        return await run_script(application, inputs, start=start)
    stages = Stages(application, now=None if start is None else stamp_of(start))
    async with opened(application.setups):
        for source in sources_of(application, inputs):
            for records in batches(inputs[source], batch_records):
                await stages.feed(source, records)
            await stages.loaded(source)
        await stages.end()
    stages.finish()
    return stages.results


def batches(records: Sequence[Any], batch_records: int) -> Iterator[list[Any]]:
    """What to feed of a source. Raises ApplicationError: there would be nothing in a batch."""
    if batch_records < 1:
        raise ApplicationError(f"batch_records={batch_records}: expected 1 or more")
    for start in range(0, len(records), batch_records):
        yield list(records[start : start + batch_records])
