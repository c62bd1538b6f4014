"""The sink of objects of S3: each once, whoever dies. Against moto's mock and a real store."""

import io
import itertools
import json
from pathlib import Path
from typing import Any

import attrs
import pyarrow.parquet
import pytest
from support.ports import free_port
from support.servers.buckets import KEY, SECRET, Buckets
from support.servers.process import Server

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.model.errors import DamagedStateError
from wallarood.testing.connectors import SinkCase, prove_sink

NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@pytest.fixture
def bucket(moto: Server) -> Buckets:
    return Buckets.of(moto, f"out-{next(NUMBERS)}")


@pytest.fixture
def context(tmp_path: Path) -> SinkContext:
    return SinkContext("app", "wc-12345678", "alpha", "out", 0, str(tmp_path / "state"))


def sink_of(bucket: Buckets, **options: Any) -> w.S3Sink:
    options = {"endpoint": bucket.endpoint, **options}
    return w.S3Sink(f"s3://{bucket.name}/results/", **options)


def in_order(bucket: Buckets) -> list[Any]:
    """The records of all writers of the kit, each writer's after the former's."""

    def place(key: str) -> tuple[int, list[str]]:
        name = key.rpartition("/")[2]
        return int(name.partition("@")[0].removeprefix("sink")), name.split(".")[1:]

    keys = sorted(bucket.keys(suffix=".jsonl"), key=place)
    return [json.loads(line) for key in keys for line in bucket.get(key).decode().splitlines()]


async def test_it_is_exactly_once(bucket: Buckets, tmp_path: Path) -> None:
    nowhere = sink_of(bucket, endpoint=f"http://127.0.0.1:{free_port()}")
    no_bucket = sink_of(Buckets(bucket.server, "no-such", None))
    case = SinkCase(
        sink=sink_of(bucket),
        read=lambda: in_order(bucket),
        kills=3,
        wrong={"endpoint": (nowhere, "cannot be reached"), "bucket": (no_bucket, "no such bucket")},
        secrets=[SECRET],
    )
    proof = await prove_sink(case, tmp_path / "spools")
    print(proof)
    by_marker, by_server = {"process killed", "marker lost"}, {"killed", "away", "slow"}
    assert set(proof.untried) == by_marker | {f"server {each}" for each in by_server}


@pytest.mark.long
async def test_the_store_may_die_and_be_away(store: Server, tmp_path: Path) -> None:
    bucket = Buckets.of(store, "dying")
    only = ("killed at any moment", "zombie writer", "server killed", "server away", "server slow")
    case = SinkCase(
        sink=sink_of(bucket), read=lambda: in_order(bucket), server=store, kills=3, only=only
    )
    proof = await prove_sink(case, tmp_path / "spools")
    print(proof)
    assert list(proof.shown) == list(only)


async def test_parquet_is_put_in_parts(bucket: Buckets, context: SinkContext) -> None:
    writer = await sink_of(bucket, format="parquet", part_bytes=1).open(context, None)
    for start in (0, 200_000):
        await writer.write([{"n": number} for number in range(start, start + 200_000)])
    prepared = await writer.prepare()
    assert len(prepared["parts"]) == 2
    assert bucket.keys() == []
    await writer.commit(prepared)
    await writer.commit(prepared)
    keys = bucket.keys()
    assert keys == [f"results/out@alpha-0-12345678.00000{number}.parquet" for number in (0, 1)]
    tables = [pyarrow.parquet.read_table(io.BytesIO(bucket.get(key))) for key in keys]
    assert [n for each in tables for n in each["n"].to_pylist()] == list(range(400_000))
    state = writer.state
    await writer.aclose()
    writer = await sink_of(bucket, format="parquet").open(context, state)
    with pytest.raises(w.ApplicationError, match="column 'n'"):
        await writer.write([{"n": "x"}])
    await writer.aclose()


async def test_what_was_put_and_removed_is_not_put_again(
    bucket: Buckets, context: SinkContext
) -> None:
    writer = await sink_of(bucket).open(context, None)
    await writer.write([1])
    prepared = await writer.prepare()
    await writer.commit(prepared)
    (key,) = bucket.keys()
    bucket.delete(key)
    await writer.commit(prepared)
    state = writer.state
    await writer.aclose()
    writer = await sink_of(bucket).open(context, state)
    await writer.commit(prepared)
    await writer.aclose()
    assert bucket.keys() == []


async def test_another_object_of_the_name_is_found_out(
    bucket: Buckets, context: SinkContext
) -> None:
    bucket.put("results/out@alpha-0-12345678.000000.jsonl", "other\n")
    writer = await sink_of(bucket).open(context, None)
    await writer.write([1])
    with pytest.raises(DamagedStateError, match=r"000000.jsonl is there and has something else"):
        await writer.commit(await writer.prepare())
    await writer.aclose()
    assert bucket.lines() == ["other"]


async def test_a_line_has_names_of_its_own(bucket: Buckets, context: SinkContext) -> None:
    writer = await sink_of(bucket, format="csv").open(context, None)
    await writer.write([{"a": 1}])
    await writer.commit(await writer.prepare())
    await writer.aclose()
    again = attrs.evolve(context, line=2, directory=f"{context.directory}-kept")
    writer = await sink_of(bucket, format="csv").open(again, None)
    await writer.write([{"a": 2}])
    await writer.commit(await writer.prepare())
    assert not writer.is_full([])
    assert writer.is_full([{"bytes": 1 << 30}])
    await writer.aclose()
    stem = "results/out@alpha-0-12345678"
    assert bucket.keys() == [f"{stem}.000000.csv", f"{stem}.2.000000.csv"]
    assert bucket.lines() == ["a", "1", "a", "2"]


async def test_the_check_names_what_is_wrong(bucket: Buckets, tmp_path: Path) -> None:
    await sink_of(bucket).check_connected()
    secret = tmp_path / "secret"
    secret.write_text("open barley\n")
    sink = sink_of(
        Buckets(bucket.server, "no-such", None),
        secrets={"access_key_id": str(secret), "secret_access_key": str(secret)},
    )
    with pytest.raises(w.WallaroodError, match="there is no such bucket: correct the URL") as found:
        await sink.check_connected()
    assert "barley" not in found.value.message + repr(sink)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "xml"}, "expected one of lines, tsv, json, csv, parquet"),
        ({"part_bytes": 0}, "part_bytes=0: expected 1 or more"),
        ({"columns": ["a"]}, 'columns is for format="parquet"'),
    ],
)
def test_what_cannot_be_meant_is_refused(options: Any, said: str) -> None:
    with pytest.raises(w.ApplicationError, match=f"S3Sink: .*{said}"):
        w.S3Sink("s3://b/x", **options)
