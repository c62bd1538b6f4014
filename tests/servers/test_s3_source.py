"""The source of objects of S3, against moto's mock: order, what appears, what is gone."""

import gzip
import io
import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from support.patience import patiently
from support.ports import free_port
from support.servers.buckets import KEY, SECRET, Buckets
from support.servers.process import Server

import wallarood as w
from wallarood.app.connector import SinkContext, SourceContext, SourceLimits, SourceReader
from wallarood.testing.connectors import SourceCase, prove_source

NUMBERS = itertools.count()
LIMITS = SourceLimits(batch_records_max=3)


@pytest.fixture
def bucket(moto: Server) -> Buckets:
    return Buckets.of(moto, f"in-{next(NUMBERS)}")


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


def source_of(bucket: Buckets, prefix: str = "", **options: Any) -> w.S3Source:
    options = {"endpoint": bucket.endpoint, "look_s": 0.1, **options}
    return w.S3Source(f"s3://{bucket.name}/{prefix}", **options)


async def opened(source: w.S3Source, position: Any = None, lane: int = 0) -> SourceReader:
    return await source.open(source.partitions()[lane], position, SourceContext(limits=LIMITS))


async def read(source: w.S3Source, position: Any = None, lane: int = 0) -> list[Any]:
    """Each position and the records before it, to the end."""
    reader, found = await opened(source, position, lane), []
    with patiently(60):
        while (batch := await reader.read()) is not None:
            assert json.loads(json.dumps(batch.position)) == batch.position
            found.append((batch.position, batch.records))
    await reader.aclose()
    return found


def flat(batches: list[Any]) -> list[Any]:
    return [each for _, records in batches for each in records]


async def test_objects_are_read_in_the_order_of_their_keys(bucket: Buckets) -> None:
    bucket.put("logs/b.txt", "4\n5\n")
    bucket.put("logs/a.txt", "1\n2\n3")
    bucket.put("logs/sub/c.txt.gz", gzip.compress(b"6\n7\n"))
    bucket.put("logs/none.txt", "")
    bucket.put("logs/.hidden", "no\n")
    bucket.put("logs2/d.txt", "no\n")
    source = source_of(bucket, "logs/", follow=False)
    batches = await read(source)
    assert flat(batches) == list("1234567")
    for number, (position, _) in enumerate(batches):
        assert await read(source, position) == batches[number + 1 :]
    assert flat(await read(source_of(bucket, "logs", follow=False, suffix="b.txt"))) == ["4", "5"]


async def test_parquet_and_json_are_read(bucket: Buckets) -> None:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"n": list(range(10))}), file, row_group_size=4)
    bucket.put("p/a.parquet", file.getvalue())
    bucket.put("p/_SUCCESS", "")
    source = source_of(bucket, "p", format="parquet", follow=False)
    batches = await read(source)
    assert flat(batches) == [{"n": n} for n in range(10)]
    assert flat(await read(source, batches[1][0])) == [{"n": n} for n in range(6, 10)]
    bucket.put("j/a.jsonl", '{"n":1}\n{"n":"x"}\n')
    strict = source_of(bucket, "j", format="json", record=dict[str, int], follow=False)
    with pytest.raises(w.ApplicationError, match=rf"s3://{bucket.name}/j/a.jsonl: line 2, "):
        await read(strict)


async def test_what_appears_is_read_whatever_its_key(bucket: Buckets) -> None:
    bucket.put("m", "1\n")
    with patiently(60):
        reader = await opened(source_of(bucket))
        found = []
        for key, text in (("z", "2\n"), ("a", "3\n")):
            batch = await reader.read()
            assert batch is not None
            found += batch.records
            bucket.put(key, text)
        batch = await reader.read()
        assert batch is not None
        assert [*found, *batch.records] == ["1", "2", "3"]
        await reader.aclose()


async def test_lanes_share_the_objects(bucket: Buckets) -> None:
    for number in range(20):
        bucket.put(f"{number:02}", f"{number}\n")
    source = source_of(bucket, readers=2, follow=False)
    found = [[int(each) for each in flat(await read(source, lane=lane))] for lane in (0, 1)]
    assert all(found)
    assert all(each == sorted(each) for each in found)
    assert sorted(found[0] + found[1]) == list(range(20))


async def test_an_object_that_is_gone_or_replaced_stops(bucket: Buckets) -> None:
    bucket.put("a", "".join(f"{n}\n" for n in range(7)))
    source = source_of(bucket, follow=False)
    (begun, _), _, (done, _) = await read(source)
    bucket.put("a", "other\n")
    with pytest.raises(w.ApplicationError, match=r"/a was replaced by another object before it"):
        await read(source, begun)
    with pytest.raises(w.ApplicationError, match=r"/a was read and is another one now"):
        await read(source, done)
    bucket.delete("a")
    with pytest.raises(w.ApplicationError, match=r"/a is gone, before it was read to its end"):
        await read(source, begun)
    assert await read(source, done) == [], "what was read may go"


async def test_an_object_that_changes_while_it_is_read_stops(
    bucket: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallarood.connectors.s3.objects.AHEAD_BYTES", 1 << 20)
    lines = [f"{n:099}\n" for n in range(30_000)]
    bucket.put("large", "".join(lines))
    reader = await opened(source_of(bucket))
    with patiently(60):
        first = await reader.read()
        assert first is not None
        bucket.put("large", "".join(reversed(lines)))
        with pytest.raises(w.ApplicationError, match="was replaced by another object"):  # noqa: PT012
            while True:
                await reader.read()
    await reader.aclose()


async def test_it_keeps_its_guarantee(bucket: Buckets, tmp_path: Path) -> None:
    keys = itertools.count()

    def append(_: str, records: list[Any]) -> None:
        for start in range(0, len(records), 20):
            key = f"kit/{next(keys):06}"
            bucket.put(key, "".join(f"{each}\n" for each in records[start : start + 20]))

    source = source_of(bucket, "kit/")
    nowhere = {"endpoint": f"http://127.0.0.1:{free_port()}"}
    wrong = {
        "bucket": (source_of(Buckets(bucket.server, "no-such", None)), "there is no such bucket"),
        "endpoint": (source_of(bucket, **nowhere), "cannot be reached"),
    }
    case = SourceCase(source=source, append=append, wrong=wrong, secrets=[SECRET])
    proof = await prove_source(case, tmp_path)
    print(proof)
    assert {"read again", "read cancelled", "refused"} <= set(proof.shown)


@pytest.mark.long
async def test_the_store_may_die(store: Server, tmp_path: Path) -> None:
    bucket, keys = Buckets.of(store, "dying-in"), itertools.count()

    def append(_: str, records: list[Any]) -> None:
        bucket.put(f"{next(keys):06}.txt", "".join(f"{each}\n" for each in records))

    only = ("server killed", "server slow")
    source = source_of(bucket, suffix=".txt")
    proof = await prove_source(
        SourceCase(source=source, append=append, server=store, only=only), tmp_path
    )
    assert list(proof.shown) == list(only)


async def test_the_check_and_the_worker_say_the_same(bucket: Buckets, tmp_path: Path) -> None:
    other = Buckets(bucket.server, "no-such-bucket", None)
    port = free_port()
    for source, said in (
        (source_of(other), f"S3 bucket 'no-such-bucket' at 127.0.0.1:{bucket.server.port}: there"),
        (source_of(bucket, endpoint=f"http://127.0.0.1:{port}"), f":{port} cannot be reached"),
        (source_of(bucket, secrets={"access_key_id": str(tmp_path / "no")}), "No such file"),
    ):
        messages = []
        for ask in (source.check_connected, lambda source=source: read(source)):
            with pytest.raises(w.WallaroodError) as caught:
                await ask()
            messages.append(caught.value.message)
        assert said in messages[0]
        assert messages[0] == messages[1]
        assert "\n" not in messages[0]
    await source_of(bucket).check_connected()


async def test_wrong_credentials_are_said_and_not_shown(store: Server, tmp_path: Path) -> None:
    bucket = Buckets.of(store, "guarded")
    key, secret, wrong = (tmp_path / name for name in ("key", "secret", "wrong"))
    key.write_text(f"{KEY}\n")
    secret.write_text(f"{SECRET}\n")
    wrong.write_text("open barley\n")
    for files, said in (
        ((wrong, secret), r"the access key is not known.*\(InvalidAccessKeyId\)"),
        ((key, wrong), r"the secret key is wrong.*\(SignatureDoesNotMatch\)"),
    ):
        names = ("access_key_id", "secret_access_key")
        secrets = dict(zip(names, map(str, files), strict=True))
        source = source_of(bucket, secrets=secrets, follow=False)
        sink = w.S3Sink(f"s3://{bucket.name}/", endpoint=bucket.endpoint, secrets=secrets)
        context = SinkContext("a", "c-12345678", "alpha", "out", 0, str(tmp_path / "state"))
        writer = await sink.open(context, None)
        await writer.write([1])
        prepared = await writer.prepare()
        messages = set()
        for ask in (
            source.check_connected,
            lambda source=source: read(source),
            sink.check_connected,
            lambda writer=writer, prepared=prepared: writer.commit(prepared),
        ):
            with pytest.raises(w.WallaroodError, match=said) as caught:
                await ask()
            messages.add(caught.value.message)
        await writer.aclose()
        (message,) = messages
        assert "barley" not in message
    await source_of(
        bucket, secrets=dict(zip(names, map(str, (key, secret)), strict=True))
    ).check_connected()


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("bucket/x", {}, r'expected "s3://BUCKET/PREFIX/"'),
        ("s3://key:secret@b/x", {}, r'expected "s3://BUCKET/PREFIX/"'),
        ("s3://b/x", {"endpoint": "localhost"}, "expected .https://HOST:PORT."),
        ("s3://b/x", {"secrets": {"password": "f"}}, "secrets has 'password': expected access_key"),
        ("s3://b/x", {"settings": {"secret_access_key": "x"}}, "settings has a secret"),
        ("s3://b/x", {"readers": 0}, "readers=0: expected 1 to 1,000"),
        ("s3://b/x", {"look_s": 0}, "look_s=0: expected more than 0"),
        ("s3://b/x", {"format": "xml"}, "expected lines, bytes, json, csv or parquet"),
    ],
)
def test_what_cannot_be_meant_is_refused(url: str, options: Any, said: str) -> None:
    with pytest.raises(w.ApplicationError, match=f"S3Source: .*{said}"):
        w.S3Source(url, **options)
