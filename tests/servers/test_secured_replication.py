"""Changes of PostgreSQL by TLS: all connections of the source are encrypted, and verified."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.test_postgres_refusals import refused
from servers.test_postgres_source import opened, read
from support.servers import postgres as postgreses
from support.servers.certificates import Certificates
from support.servers.changes import query
from support.servers.process import Server, demand, serving

import wallarood as w

ENCRYPTED = (
    "SELECT a.backend_type, s.ssl FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) "
    "WHERE a.application_name LIKE 'wallarood%'"
)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates.made_in(tmp_path / "certificates")


@pytest.fixture
def server(certificates: Certificates) -> Iterator[Server]:
    """With a user `app` who may replicate, by TLS and with a password only."""
    demand(postgreses.missing())
    with serving(postgreses.server) as server:
        query(server, "CREATE USER app REPLICATION PASSWORD 'open sesame'")
        query(server, "CREATE TABLE t (id int PRIMARY KEY, said text)")
        query(server, "ALTER TABLE t OWNER TO app; GRANT CREATE ON DATABASE postgres TO app")
        rules = server.directory / "data" / "pg_hba.conf"
        only = "hostssl all,replication app 127.0.0.1/32 scram-sha-256\nhost all app all reject\n"
        rules.write_text(only + rules.read_text())
        postgreses.use_certificate(server, certificates.good)
        yield server


async def test_changes_come_by_tls(
    server: Server, certificates: Certificates, tmp_path: Path
) -> None:
    """Rows of more than a record of TLS, and many of them: none waits in its buffer."""
    (tmp_path / "password").write_text("open sesame\n")
    (tmp_path / "wrong").write_text("open barley\n")

    def source(ca: Path, password: str = "password") -> w.PostgresSource:
        options = f"sslmode=verify-full&sslrootcert={ca}"
        where = f"postgresql://app@{server.address}/postgres?{options}"
        return w.PostgresSource(where, "t", slot="s", password_file=str(tmp_path / password))

    query(server, "INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 200) n")
    reader = await opened(source(certificates.ca))
    rows = await read(reader, 200)
    query(server, "UPDATE t SET said = repeat('y', 500 + 200 * (id % 100))")
    changes = await read(reader, 200)
    seen = query(server, ENCRYPTED)
    await reader.aclose()
    assert [row.values["id"] for row in rows] == list(range(1, 201))
    assert [len(each.values["said"]) for each in changes] == [
        500 + 200 * (number % 100) for number in range(1, 201)
    ]
    assert ("walsender", True) in seen
    assert all(is_encrypted for _, is_encrypted in seen)
    await refused(source(certificates.other_ca), "certificate verify failed: check sslroot")
    await refused(source(certificates.ca, "wrong"), "password authentication failed")
