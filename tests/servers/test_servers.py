"""The servers that the other tests use start here, keep what they have when killed, and end."""

import socket
import subprocess
from pathlib import Path

import pytest
from support.servers.postgres import PROGRAMS
from support.servers.process import REQUIRED, Server, answers, demand


def said(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        return connection.recv(4096)


def test_redis_keeps_what_it_acknowledged(redis: Server) -> None:
    assert said(redis.port, b"SET kept 1\r\n") == b"+OK\r\n"
    redis.restart_killed()
    assert said(redis.port, b"GET kept\r\n") == b"$1\r\n1\r\n"


def test_postgres_keeps_what_it_acknowledged(postgres: Server) -> None:
    def query(text: str) -> str:
        command = [str(PROGRAMS / "psql"), "-h", "127.0.0.1", "-p", str(postgres.port)]
        command += ["-U", "postgres", "-Atc", text]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    query("CREATE TABLE kept AS SELECT 1 AS n")
    postgres.restart_killed()
    assert query("SELECT n FROM kept; SHOW wal_level") == "1\nlogical"


def test_nats_has_jetstream(nats: Server) -> None:
    said_first = said(nats.port, b'CONNECT {"verbose":false}\r\n')
    assert b'"jetstream":true' in said_first
    nats.restart_killed()
    assert answers(nats.port)


def test_mosquitto_accepts_a_client(mosquitto: Server) -> None:
    connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a"
    assert said(mosquitto.port, connect) == b"\x20\x02\x00\x00"


def test_kafka_keeps_what_it_acknowledged(kafka: Server) -> None:
    confluent = pytest.importorskip("confluent_kafka")
    from support.servers.topics import Topics  # noqa: PLC0415  needs the client

    topics = Topics(kafka.address)
    topics.create("acknowledged", partitions=2)
    topics.produce("acknowledged", [(b"k", b"v", 1)])
    kafka.restart_killed()
    assert topics.read("acknowledged") == [(1, b"k", b"v")]
    assert confluent.libversion()


def test_no_server_is_left_when_its_test_has_ended(tmp_path: Path) -> None:
    server = Server("sleep", ["sleep", "60"], tmp_path, 1, lambda: True)
    server.start()
    server.kill()
    assert server.process is not None
    assert server.process.returncode == -9


def test_a_missing_server_skips_a_test_but_not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="no such thing"):
        demand("", "no such thing")
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="no such thing"):
        demand("no such thing")
