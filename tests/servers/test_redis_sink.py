"""The sinks to Redis against a real server."""

import itertools
import json
from pathlib import Path

import pytest
from support.patience import patiently
from support.ports import free_port
from support.servers.counting import check_last, count_into
from support.servers.process import Server
from support.servers.redis import ask, url

import wallarood as w
from wallarood.connectors.redis.target import RedisTarget
from wallarood.connectors.spool.target import Marker, MarkerMovedError
from wallarood.model.errors import ConfigurationError

NUMBERS = itertools.count()


@pytest.fixture
def key() -> str:
    return f"out-{next(NUMBERS)}"


def target_of(sink: w.RedisSink | w.RedisHashSink, writer: str) -> RedisTarget:
    target = sink._spooled("out").connect(writer)
    assert isinstance(target, RedisTarget)
    return target


@pytest.mark.long
def test_counts_are_in_the_stream_once_in_order(redis: Server, key: str, tmp_path: Path) -> None:
    def read() -> list[tuple[int, int]]:
        return [tuple(json.loads(pairs[1])) for _, pairs in ask(redis, "XRANGE", key, "-", "+")]

    count_into(f'w.RedisSink("{url(redis)}", "{key}")', read, directory=tmp_path, server=redis)


def test_the_last_count_of_each_key_is_in_the_hash(redis: Server, key: str, tmp_path: Path) -> None:
    def read() -> list[tuple[int, int]]:
        found = ask(redis, "HGETALL", key)
        return [(int(a), int(b)) for a, b in zip(found[::2], found[1::2], strict=True)]

    count_into(
        f'w.RedisHashSink("{url(redis)}", "{key}", key=lambda p: str(p[0]), value=lambda p: p[1])',
        read,
        directory=tmp_path,
        server=redis,
        kills=3,
        server_kills=1,
        check=check_last,
    )


async def test_an_earlier_process_gets_nothing_in(redis: Server, key: str) -> None:
    sink = w.RedisSink(url(redis), key, format="text")
    zombie, heir = target_of(sink, key), target_of(sink, key)
    with patiently(60):
        assert await zombie.marker() == await heir.marker() == Marker()
        await heir.apply(heir.encode(["a"]), Marker(), Marker(0, 1))
        with pytest.raises(MarkerMovedError):
            await zombie.apply(zombie.encode(["b"]), Marker(), Marker(0, 1))
        await heir.apply(heir.encode(["c"]), Marker(0, 1), Marker(0, 2))
        assert await zombie.marker() == Marker(0, 2)
        await zombie.aclose()
        await heir.aclose()
    assert [pairs[1] for _, pairs in ask(redis, "XRANGE", key, "-", "+")] == [b"a", b"c"]


async def test_records_may_be_fields_and_values_deletions(redis: Server, key: str) -> None:
    fields = target_of(w.RedisSink(url(redis), key, format="fields", maxlen=100), key)
    latest = target_of(w.RedisHashSink(url(redis), f"{key}-h", key=lambda p: p[0],
                                       value=lambda p: p[1]), key)  # fmt: skip
    with patiently(60):
        await fields.marker()
        await fields.apply(fields.encode([{"a": 1, "b": "x"}, {"c": True}]), Marker(), Marker(0, 2))
        await latest.marker()
        records = [("k", 1), ("l", 2), ("k", None), ("", "")]
        await latest.apply(latest.encode(records), Marker(), Marker(0, 4))
        await fields.aclose()
        await latest.aclose()
    found = [pairs for _, pairs in ask(redis, "XRANGE", key, "-", "+")]
    assert found == [[b"a", b"1", b"b", b"x"], [b"c", b"true"]]
    assert ask(redis, "HGETALL", f"{key}-h") == [b"l", b"2", b"", b'""']
    with pytest.raises(w.ApplicationError, match=r"field 'a' is a list.*\n  record"):
        fields.encode([{"a": []}])


async def test_what_is_wrong_is_said_with_the_server(
    redis: Server, key: str, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text("open barley\n")
    ask(redis, "SET", key, "text")
    ask(redis, "ACL", "SETUSER", "guarded", "on", ">open sesame", "~*", "+@all")
    ask(redis, "ACL", "SETUSER", "poor", "on", ">poor", "~*", "+@all", "-eval")
    guarded = f"redis://guarded@{redis.address}/0"
    with patiently(60):
        for sink, said in (
            (w.RedisSink(url(redis), key), f"key '{key}' holds a string, not a stream"),
            (w.RedisSink(guarded, "x", password_file=str(secret)), "WRONGPASS .*: check user"),
            (w.RedisSink(f"redis://{redis.address}/99", "x"), "ERR DB index .*no such database"),
        ):
            for ask_it in (sink.check_connected, target_of(sink, "w").marker):
                with pytest.raises(ConfigurationError, match=said) as caught:
                    await ask_it()
                assert caught.value.message.startswith(f"Redis at {redis.address}")
                assert "barley" not in caught.value.message
        poor = w.RedisSink(f"redis://poor:poor@{redis.address}/0", "x")
        for ask_it in (poor.check_connected, target_of(poor, "w").marker):
            with pytest.raises(ConfigurationError, match=r"NOPERM .*: give the user this right"):
                await ask_it()
        secret.write_text("open sesame\n")
        await w.RedisSink(guarded, "x", password_file=str(secret)).check_connected()
        nowhere = w.RedisSink(f"redis://me:geheim@127.0.0.1:{(port := free_port())}/0", "x")
        with pytest.raises(w.WallaroodError, match=f"127.0.0.1:{port} cannot be reached") as other:
            await nowhere.check_connected()
        assert "geheim" not in other.value.message + repr(nowhere)
        ask(redis, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        try:
            with pytest.raises(ConfigurationError, match="maxmemory_policy allkeys-lru"):
                await w.RedisSink(url(redis), "x").check_connected()
        finally:
            ask(redis, "CONFIG", "SET", "maxmemory-policy", "noeviction")


async def test_a_script_that_fails_has_added_nothing(redis: Server, key: str) -> None:
    """Else what was added before the failure is added again with each attempt."""
    ask(redis, "ACL", "SETUSER", "adder", "on", ">adder", "~*", "+@all", "-set")
    target = target_of(w.RedisSink(f"redis://adder:adder@{redis.address}/0", key), "w")
    with patiently(60):
        with pytest.raises(ConfigurationError, match=r"may not SET key .*: give the user these"):
            await target.marker()
        target._connection = await target.address.connected()  # as if the right was taken later
        with pytest.raises(ConfigurationError, match="give the user the rights to GET and SET"):
            await target.apply(target.encode([1, 2]), Marker(), Marker(0, 2))
        await target.aclose()
    assert ask(redis, "EXISTS", key) == 0


async def test_an_entry_of_more_fields_than_a_script_can_add_is_refused(
    redis: Server, key: str
) -> None:
    target = target_of(w.RedisSink(url(redis), key, format="fields", maxlen=10_000), "w")
    wide = {f"f{number}": number for number in range(3_900)}
    with pytest.raises(w.ApplicationError, match="3,901 fields"):
        target.encode([{"a": 1}, {**wide, "more": 1}])
    with patiently(60):
        await target.marker()
        await target.apply(target.encode([{"a": 1}, wide]), Marker(), Marker(0, 2))
        await target.aclose()
    assert ask(redis, "XLEN", key) == 2


@pytest.mark.parametrize("wrong", [{"a": "\ud800"}, {"\ud800": "a"}])
def test_text_that_is_not_unicode_is_refused_where_it_is_made(wrong: dict[str, str]) -> None:
    fields = target_of(w.RedisSink("redis://x", "k", format="fields"), "w")
    latest = target_of(
        w.RedisHashSink("redis://x", "k", key=lambda record: next(iter(record))), "w"
    )
    with pytest.raises(w.ApplicationError, match="surrogate"):
        fields.encode([wrong])
    with pytest.raises(w.ApplicationError, match="surrogate"):
        latest.encode([dict.fromkeys(["\ud800"])])
