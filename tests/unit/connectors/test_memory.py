"""Lists as source and sink: any position gives the records after it."""

from typing import Any

import wallarood as w
from wallarood.app.connector import SinkContext, SourceContext, SourceLimits


async def batches_from(source: Any, position: Any) -> list[tuple[list[Any], Any]]:
    context = SourceContext(limits=SourceLimits(batch_records_max=3))
    reader = await source.open("list", position, context)
    found = []
    while (batch := await reader.read()) is not None:
        found.append((batch.records, batch.position))
    await reader.aclose()
    return found


async def test_every_position_gives_the_records_after_it() -> None:
    source = w.ListSource(list(range(10)))
    whole = await batches_from(source, None)
    assert [len(records) for records, _ in whole] == [3, 3, 3, 1]
    for place, (_, position) in enumerate(whole):
        assert await batches_from(source, position) == whole[place + 1 :]


async def test_a_sink_adds_to_the_list_at_once() -> None:
    out: list[int] = [0]
    writer = await w.ListSink(out).open(SinkContext("app", "wc-1", "alpha", "out", 0), None)
    await writer.write([1, 2])
    assert out == [0, 1, 2]
    assert (await writer.prepare(), writer.state) == (None, None)
