"""The Redis source against a real server."""

import random
from pathlib import Path

import pytest
from servers.test_redis_sink import NUMBERS
from support.harness import hosts_in, wait_for
from support.killer import Killer
from support.patience import patiently
from support.servers.process import Server
from support.servers.reading import read_until
from support.servers.redis import ask, url

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits, SourceReader
from wallarood.connectors.redis.reader import COUNT_FIRST

CONTEXT = SourceContext("in", limits=SourceLimits(batch_records_max=10))


@pytest.fixture
def stream() -> str:
    return f"in-{next(NUMBERS)}"


async def opened(source: w.RedisSource, position: object = None) -> SourceReader:
    return await source.open(source.partitions()[0], position, CONTEXT)


async def test_entries_come_in_order_and_positions_continue(redis: Server, stream: str) -> None:
    for number in range(25):
        ask(redis, "XADD", stream, f"{1 + number}-0", "value", number)
    source = w.RedisSource(url(redis), stream, format="json", record=int)
    with patiently(30):
        reader = await opened(source)
        await reader.read()  # where it begins
        first = await reader.read()
        assert reader.lag_records == 15  # type: ignore[attr-defined]
        await reader.aclose()
        assert first is not None
        assert first.times == [1000 * (1 + number) for number in range(10)]
        reader = await opened(source, first.position)
        second, third = await reader.read(), await reader.read()
        assert second is not None
        assert third is not None
        assert first.records + second.records + third.records == list(range(25))
        await read_until(reader, lambda: reader.lag_records == 0)  # type: ignore[attr-defined]
        ask(redis, "XADD", stream, "*", "value", 25)
        fourth = await reader.read()
        assert fourth is not None
        assert fourth.records == [25]
        await reader.aclose()


async def test_fields_are_records_and_what_is_unreadable_is_handed_on(
    redis: Server, stream: str
) -> None:
    ask(redis, "XADD", stream, "1-0", "a", "1", "b", "é")
    ask(redis, "XADD", stream, "2-0", "a", b"\xff")
    with patiently(30):
        reader = await opened(w.RedisSource(url(redis), stream, on_error="skip"))
        await reader.read()
        batch = await reader.read()
        await reader.aclose()
        assert batch is not None
        assert batch.records == [{"a": "1", "b": "é"}]
        assert [each.place for each in batch.unreadable] == [f"{stream} 2-0"]
        reader = await opened(w.RedisSource(url(redis), stream, format="json"))
        await reader.read()
        with pytest.raises(w.ApplicationError, match="it has no field 'value', but a, b"):
            await reader.read()
        await reader.aclose()


async def test_entries_that_are_gone_stop(redis: Server, stream: str) -> None:
    for number in range(50):
        ask(redis, "XADD", stream, f"{1 + number}-0", "value", number)
    ask(redis, "XTRIM", stream, "MAXLEN", 45)  # before the cluster began
    source = w.RedisSource(url(redis), stream)
    with patiently(30):
        reader = await opened(source)
        await reader.read()  # where it begins
        first = await reader.read()
        assert first is not None
        assert first.records[0] == {"value": "5"}
        ask(redis, "XTRIM", stream, "MAXLEN", 35)  # just what was read
        second = await reader.read()
        assert second is not None
        ask(redis, "XTRIM", stream, "MAXLEN", 20)
        said = "entries after 25-0 are gone: 5 were trimmed .* lowest available is 31-0"
        with pytest.raises(w.ApplicationError, match=said):
            await reader.read()
        await reader.aclose()
        ask(redis, "DEL", stream)
        reader = await opened(source, second.position)
        with pytest.raises(w.ApplicationError, match=r"has no stream .* any more"):
            await reader.read()
        ask(redis, "XADD", stream, "1-0", "value", 1)
        with pytest.raises(w.ApplicationError, match="deleted and made anew"):
            await reader.read()
        await reader.aclose()


async def test_batches_of_large_entries_are_small(redis: Server, stream: str) -> None:
    for number in range(COUNT_FIRST + 20):
        ask(redis, "XADD", stream, f"{1 + number}-0", "value", b"x" * 200_000)
    source = w.RedisSource(url(redis), stream, format="bytes")
    with patiently(30):
        reader = await source.open(stream, None, SourceContext("in"))
        await reader.read()  # where it begins
        sizes = []
        while sum(sizes) < COUNT_FIRST + 20:
            batch = await reader.read()
            assert batch is not None
            sizes.append(len(batch.records))
        await reader.aclose()
    assert sizes == [COUNT_FIRST, 5, 5, 5, 5]


async def after_ten(redis: Server, stream: str) -> SourceReader:
    """A reader that has read 10 of 12 entries."""
    for number in range(12):
        ask(redis, "XADD", stream, f"{1 + number}-0", "value", number)
    ask(redis, "XDEL", stream, "12-0")  # before the cluster began
    ask(redis, "XADD", stream, "13-0", "value", 13)
    reader = await opened(w.RedisSource(url(redis), stream))
    for _ in range(2):
        batch = await reader.read()
    assert batch is not None
    assert batch.position["id"] == "10-0"
    await reader.aclose()
    return await opened(w.RedisSource(url(redis), stream), batch.position)


async def test_an_entry_that_is_deleted_before_it_is_read_stops(redis: Server, stream: str) -> None:
    with patiently(30):
        reader = await after_ten(redis, stream)
        ask(redis, "XDEL", stream, "5-0", "13-0")
        with pytest.raises(w.ApplicationError, match="entry 13-0 was deleted before it was read"):
            await reader.read()
        await reader.aclose()


async def test_entries_that_were_deleted_before_the_beginning_do_not_matter(
    redis: Server, stream: str
) -> None:
    with patiently(30):
        reader = await after_ten(redis, stream)
        ask(redis, "XDEL", stream, "5-0")
        batch = await reader.read()
        await reader.aclose()
    assert batch is not None
    assert [each["value"] for each in batch.records] == ["10", "13"]


async def test_a_stream_made_anew_stops_also_if_its_entries_are_newer(
    redis: Server, stream: str
) -> None:
    with patiently(30):
        reader = await after_ten(redis, stream)
        ask(redis, "DEL", stream)
        ask(redis, "XADD", stream, "*", "value", 1)
        with pytest.raises(w.ApplicationError, match="deleted and made anew"):
            await reader.read()
        await reader.aclose()


async def test_a_key_that_is_no_stream_any_more_is_said(redis: Server, stream: str) -> None:
    with patiently(30):
        reader = await after_ten(redis, stream)
        ask(redis, "DEL", stream)
        ask(redis, "SET", stream, "text")
        with pytest.raises(w.WallaroodError, match=r"WRONGTYPE .*use another key"):
            await reader.read()
        await reader.aclose()


APPLICATION = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(entry: dict[str, str], state: Seen) -> dict[str, int]:
    state.count += 1
    return {{"rest": int(entry["n"]) % 97, "count": state.count}}

app = w.application(
    "through",
    w.source("in", w.RedisSource("{url}", *[f"{stream}-{{part}}" for part in range(3)]))
    .key_by(lambda entry: int(entry["n"]) % 97, name="by-rest")
    .to(seen)
    .to_sink(w.RedisSink("{url}", "{stream}-out", format="fields"), name="out"),
)
"""


@pytest.mark.long
def test_streams_are_counted_into_a_stream_exactly_once(
    redis: Server, stream: str, tmp_path: Path
) -> None:
    """Through Redis: workers and server are killed while entries come."""
    rng, each = random.Random(3), 3000
    file = tmp_path / "through.py"
    file.write_text(APPLICATION.format(url=url(redis), stream=stream))

    def add(part: int, numbers: range) -> None:
        script = "for i, n in ipairs(ARGV) do redis.call('XADD', KEYS[1], '*', 'n', n) end"
        ask(redis, "EVAL", script, 1, f"{stream}-{part}", *numbers)

    def found() -> list[tuple[int, int]]:
        entries = ask(redis, "XRANGE", f"{stream}-out", "-", "+")
        return [(int(pairs[1]), int(pairs[3])) for _, pairs in entries]

    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(file), 3)
        cluster.until("running")
        for turn in range(5):
            for part in range(3):
                first = part * each + turn * each // 5
                add(part, range(first, first + each // 5))
            cluster.strike(rng, most=2)
            if turn % 2:
                redis.restart_killed()
        wait_for("all is counted", lambda: len(found()) >= 3 * each, wait_s=90)
        cluster.until("running")
        cluster.end()
    counts: dict[int, list[int]] = {}
    for rest, count in found():
        counts.setdefault(rest, []).append(count)
    numbers = [n % 97 for n in range(3 * each)]
    assert counts == {r: list(range(1, numbers.count(r) + 1)) for r in range(97)}
