"""TLS and passwords, against real servers: the check and a worker say the same, and no secret."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import trio
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourceType
from confluent_kafka.admin import ResourcePatternType as Pattern
from support.patience import patiently
from support.servers import kafka as kafkas
from support.servers import nats as natses
from support.servers import postgres as postgreses
from support.servers import redis as redises
from support.servers.certificates import Certificates
from support.servers.changes import query
from support.servers.kafka import Secured
from support.servers.process import Server, demand, serving
from support.servers.redis import ask
from support.servers.topics import Topics

import wallarood as w
from wallarood.testing.connectors import SinkCase, SourceCase, prove_sink, prove_source

SECRETS = ("open sesame", "barley")
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of the servers."""
    return Certificates.made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def password(tmp_path: Path) -> Path:
    """A file with the right one; beside it, a wrong one."""
    (tmp_path / "password").write_text("open sesame\n")
    (tmp_path / "wrong").write_text("open barley\n")
    return tmp_path / "password"


SINK_TRIALS = ("published again", "refused")
SOURCE_TRIALS = ("read again", "refused")


async def prove(case: SinkCase, directory: Path) -> None:
    """It works, and the wrong ones say why; only these two are tried."""
    print(proof := await prove_sink(case, directory))
    assert len(proof.shown) == 2


async def prove_reading(case: SourceCase, directory: Path) -> None:
    """The same of a source."""
    print(proof := await prove_source(case, directory))
    assert len(proof.shown) == 2


async def until_refused(connector: Any) -> None:
    """Connect until that is refused: a server takes up another certificate when it has time."""
    with patiently(30):
        while True:
            await connector.check_connected()
            await trio.sleep(0.1)


@pytest.fixture(scope="module")
def secured_kafka() -> Iterator[Secured]:
    """A broker with a listener for each certificate."""
    demand(kafkas.missing())
    made: list[Secured] = []

    def make(directory: Path, port: int) -> Server:
        made.append(kafkas.secured(directory, port))
        return made[0].server

    with serving(make):
        yield made[0]


def kafka_settings(secured: Secured, user: str = "app", ca: Path | None = None) -> dict[str, Any]:
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512" if user == "scram" else "PLAIN",
        "sasl.username": user,
        "ssl.ca.location": str(ca or secured.certificates.ca),
    }


@pytest.mark.long
async def test_kafka_by_tls_and_sasl(
    secured_kafka: Secured, password: Path, tmp_path: Path
) -> None:
    good, topic = secured_kafka.addresses["good"], f"secured{next(NUMBERS)}"
    topics = Topics(secured_kafka.server.address)
    topics.create(topic)
    settings = partial(kafka_settings, secured_kafka)
    right = {"sasl.password": str(password)}

    def sink(to: str = topic, user: str = "app", at: str = good, **more: Any) -> w.KafkaSink:
        options = {"settings": settings(user), "secrets": right, **more}
        return w.KafkaSink(at, to, format="text", **options)

    def source(of: str = topic, user: str = "app", at: str = good, **more: Any) -> w.KafkaSource:
        options = {"settings": settings(user), "secrets": right, **more}
        return w.KafkaSource(at, of, format="text", **options)

    def wrong(make: Any) -> dict[str, tuple[Any, str]]:
        stranger = settings(ca=secured_kafka.certificates.other_ca)
        refused = {"sasl.password": str(tmp_path / "wrong")}
        return {
            "password": (make(secrets=refused), "wrong user or password: check sasl."),
            "expired": (make(at=secured_kafka.addresses["expired"]), "TLS failed: check ssl.ca"),
            "host": (make(at=secured_kafka.addresses["elsewhere"]), "TLS failed: check ssl.ca"),
            "authority": (make(settings=stranger), "TLS failed: check ssl.ca.location"),
            "topic": (make("no-such"), "has no topic 'no-such': create it"),
            "permission": (make(user="poor"), "the user may not use the topic: give it"),
        }

    def read() -> list[str]:
        return [(value or b"").decode() for _, _, value in topics.read(topic)]

    case = SinkCase(sink=sink(), read=read, wrong=wrong(sink), secrets=SECRETS, only=SINK_TRIALS)
    await prove(case, tmp_path)
    await sink(user="scram").check_connected()
    other = f"{topic}-in"
    topics.create(other)

    def append(partition: str, records: list[Any]) -> None:
        topics.produce(partition[:-2], [(None, each.encode(), 0) for each in records])

    case_of_source = SourceCase(
        source=source(other),
        append=append,
        wrong=wrong(source),
        secrets=SECRETS,
        only=SOURCE_TRIALS,
    )
    await prove_reading(case_of_source, tmp_path)


@pytest.mark.long
async def test_a_kafka_user_without_a_right_on_transactions_is_told(
    secured_kafka: Secured, password: Path
) -> None:
    topic = f"secured{next(NUMBERS)}"
    topics = Topics(secured_kafka.server.address)
    for each in (topic, f"{topic}-markers"):
        topics.create(each, cleanup_policy="compact")
        allow(topics, ResourceType.TOPIC, each)
    sink = w.KafkaSink(
        secured_kafka.addresses["good"],
        topic,
        marker_topic=f"{topic}-markers",
        settings=kafka_settings(secured_kafka, "poor"),
        secrets={"sasl.password": str(password)},
    )
    with patiently(60):
        await sink.check_connected()
        target = sink._spooled("out").connect("w")
        with pytest.raises(w.WallaroodError, match="may not use the transactional ID: give it"):
            await target.marker()


def allow(topics: Topics, kind: ResourceType, name: str) -> None:
    """Let the poor user do everything with it."""
    binding = AclBinding(
        kind, name, Pattern.LITERAL, "User:poor", "*", AclOperation.ALL, AclPermissionType.ALLOW
    )
    topics._done(topics.admin.create_acls([binding]))


async def test_postgres_by_tls(
    postgres: Server, certificates: Certificates, password: Path, tmp_path: Path
) -> None:
    table = f"secured{next(NUMBERS)}"
    query(postgres, f"CREATE TABLE {table} (at bigserial, said text)")
    with contextlib.suppress(psycopg.errors.DuplicateObject):
        query(postgres, "CREATE USER guarded PASSWORD 'open sesame'")

    def sink(user: str = "postgres", ca: Path = certificates.ca, **more: Any) -> w.PostgresSink:
        options = f"sslmode=verify-full&sslrootcert={ca}"
        where = f"postgresql://{user}@{postgres.address}/postgres?{options}"
        return w.PostgresSink(where, table, **{"columns": ["said"], **more})

    def read() -> list[str]:
        return [said for (said,) in query(postgres, f"SELECT said FROM {table} ORDER BY at")]

    denied = sink("guarded", password_file=str(password))
    wrong = {
        "password": (
            sink("guarded", password_file=str(tmp_path / "wrong")),
            "password authentication failed",
        ),
        "authority": (sink(ca=certificates.other_ca), "certificate verify failed: check sslroot"),
        "permission": (denied, f"permission denied for table '{table}', which needs INSERT"),
        "columns": (sink(columns=["heard"]), "has no column 'heard', but at, said: add it"),
    }
    postgreses.use_certificate(postgres, certificates.good)
    await prove(
        SinkCase(sink=sink(), read=read, wrong=wrong, secrets=SECRETS, only=SINK_TRIALS), tmp_path
    )
    for certificate, said in (
        (certificates.expired, "certificate verify failed: check sslrootcert"),
        (certificates.elsewhere, r"does not match host name .*: check sslrootcert"),
    ):
        postgreses.use_certificate(postgres, certificate)
        with pytest.raises(w.WallaroodError, match=said) as caught:
            await until_refused(sink())
        assert caught.value.exit_code == 78


async def test_redis_by_tls(
    redis: Server, certificates: Certificates, password: Path, tmp_path: Path
) -> None:
    stream = f"secured{next(NUMBERS)}"
    ask(redis, "ACL", "SETUSER", "securer", "on", ">open sesame", "~*", "+@all")
    where = redises.use_certificate(redis, certificates.good).replace("//", "//securer@")
    files = {"password_file": str(password), "ca_file": str(certificates.ca)}

    def sink(**more: Any) -> w.RedisSink:
        return w.RedisSink(where, stream, format="text", **{**files, **more})

    def source(**more: Any) -> w.RedisSource:
        return w.RedisSource(where, f"{stream}-in", format="text", **{**files, **more})

    def wrong(make: Any) -> dict[str, tuple[Any, str]]:
        return {
            "password": (make(password_file=str(tmp_path / "wrong")), "WRONGPASS"),
            "authority": (make(ca_file=str(certificates.other_ca)), "TLS failed: "),
        }

    def read() -> list[str]:
        return [pairs[1].decode() for _, pairs in ask(redis, "XRANGE", stream, "-", "+")]

    def append(partition: str, records: list[Any]) -> None:
        for each in records:
            ask(redis, "XADD", partition, "*", "value", each)

    await prove(
        SinkCase(sink=sink(), read=read, wrong=wrong(sink), secrets=SECRETS, only=SINK_TRIALS),
        tmp_path,
    )
    case = SourceCase(
        source=source(), append=append, wrong=wrong(source), secrets=SECRETS, only=SOURCE_TRIALS
    )
    await prove_reading(case, tmp_path)
    for certificate, said in (
        (certificates.expired, r"TLS failed: .*expired.*: check ca_file="),
        (certificates.elsewhere, r"TLS failed: .*not valid for '127.0.0.1'.*: check ca_file="),
    ):
        redises.use_certificate(redis, certificate)
        for each in (sink(), source()):
            with pytest.raises(w.WallaroodError, match=said) as caught:
                await until_refused(each)
            assert caught.value.exit_code == 78


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("expired", r"TLS failed: .*expired.*: check ca_file="),
        ("elsewhere", r"TLS failed: .*not valid for '127.0.0.1'.*: check ca_file="),
    ],
)
async def test_nats_with_a_certificate_that_is_no_good(
    certificates: Certificates, name: str, said: str
) -> None:
    demand(natses.missing())
    found = getattr(certificates, name)
    more = natses.SECURED.format(chain=found.chain, key=found.key)
    with serving(partial(natses.server, more=more)) as server:
        url, files = f"tls://app@{server.address}", {"ca_file": str(certificates.ca)}
        for each in (w.NatsSink(url, "S", "s.a", **files), w.NatsSource(url, "S", **files)):
            with patiently(30), pytest.raises(w.WallaroodError, match=said) as caught:
                await each.check_connected()
            assert caught.value.exit_code == 78


@pytest.fixture
def secured_nats(certificates: Certificates) -> Iterator[Server]:
    """A server with a good certificate, and users."""
    demand(natses.missing())
    good = certificates.good
    more = natses.SECURED.format(chain=good.chain, key=good.key)
    with serving(partial(natses.server, more=more)) as server:
        yield server


async def test_nats_by_tls(
    secured_nats: Server, certificates: Certificates, password: Path, tmp_path: Path
) -> None:
    files = {"password_file": str(password), "ca_file": str(certificates.ca)}

    def sink(stream: str = "SECURED", user: str = "app", **more: Any) -> w.NatsSink:
        url, prefix = f"tls://{user}@{secured_nats.address}", "secured.markers"
        options = {"format": "text", "marker_prefix": prefix, **files, **more}
        return w.NatsSink(url, stream, "secured.out", **options)

    def source(stream: str = "SECURED", user: str = "app", **more: Any) -> w.NatsSource:
        url = f"tls://{user}@{secured_nats.address}"
        return w.NatsSource(url, stream, "secured.in", format="text", **{**files, **more})

    def wrong(make: Any) -> dict[str, tuple[Any, str]]:
        return {
            "password": (make(password_file=str(tmp_path / "wrong")), "Authorization Violation"),
            "authority": (make(ca_file=str(certificates.other_ca)), "TLS failed: "),
            "stream": (make("NONE"), "has no stream 'NONE': create it"),
            "permission": (make(user="poor"), "Permissions Violation"),
        }

    connected = sink().address.connected
    connection = await connected()
    config = {"name": "SECURED", "subjects": ["secured.>"], "allow_atomic": True}
    made = await connection.api("STREAM.CREATE.SECURED", **config, allow_direct=True)
    assert "error" not in made, made
    await connection.aclose()

    async def stored() -> list[str]:
        asked = json.dumps({"seq": 1, "batch": 1000, "next_by_subj": "secured.out"}).encode()
        connection = await connected()
        found = await connection.many("$JS.API.DIRECT.GET.SECURED", asked)
        await connection.aclose()
        return [each.payload.decode() for each in found[:-1]]

    async def send(records: list[Any]) -> None:
        connection = await connected()
        for each in records:
            await connection.request("secured.in", each.encode())
        await connection.aclose()

    case = SinkCase(
        sink=sink(),
        read=lambda: trio.run(stored),
        wrong=wrong(sink),
        secrets=SECRETS,
        only=SINK_TRIALS,
    )
    await prove(case, tmp_path)
    of_source = SourceCase(
        source=source(),
        append=lambda _, records: trio.run(send, records),
        wrong=wrong(source),
        secrets=SECRETS,
        only=SOURCE_TRIALS,
    )
    await prove_reading(of_source, tmp_path)
