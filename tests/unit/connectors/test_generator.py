"""The generator: numbers, parts, a rate, and any position."""

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits

WHERE = SourceContext(limits=SourceLimits(batch_records_max=7))


async def read(source: w.GeneratorSource, partition: str, position: object = None) -> list[int]:
    reader = await source.open(partition, position, WHERE)
    found: list[int] = []
    while (batch := await reader.read()) is not None:
        found += batch.records
    return found


@given(st.integers(0, 100), st.integers(1, 5), st.integers(0, 100))
def test_parts_together_have_every_number_once_and_go_on_from_any_position(
    count: int, parts: int, skipped: int
) -> None:
    source = w.GeneratorSource(count=count, partitions=parts)

    async def run() -> None:
        numbers = [await read(source, part) for part in source.partitions()]
        assert sorted(n for some in numbers for n in some) == list(range(count))
        for part, some in zip(source.partitions(), numbers, strict=True):
            position = int(part) + skipped * parts
            assert await read(source, part, position) == some[skipped:]

    trio.run(run)


async def test_a_rate_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    source = w.GeneratorSource(lambda n: n * n, rate=100, count=1000)
    began = trio.current_time()
    assert await read(source, "0") == [n * n for n in range(1000)]
    assert trio.current_time() - began == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize("options", [{"rate": 0}, {"count": -1}, {"partitions": 0}])
def test_wrong_options_are_clear_errors(options: dict[str, int]) -> None:
    with pytest.raises(w.ApplicationError, match="expected"):
        w.GeneratorSource(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("raised", [StopIteration, SystemExit, ValueError])
async def test_a_function_that_raises_stops_the_source_at_its_number(
    raised: type[BaseException],
) -> None:
    def made(number: int) -> int:
        if number == 11:
            raise raised
        return number

    context = attrs.evolve(WHERE, step="numbers")
    reader = await w.GeneratorSource(made, count=20).open("0", None, context)
    assert await reader.read() == w.SourceBatch(list(range(7)), 7)
    with pytest.raises(w.ApplicationError) as caught:
        await reader.read()
    assert caught.value.message.startswith(f"source 'numbers' failed at {__file__}:")
    assert caught.value.message.endswith(f": {raised.__name__}\n  record number: 11")
