"""PostgreSQL, as Debian has it. It does not run as root, so there it runs as `postgres`."""

import os
import pwd
import socket
import ssl
import struct
import subprocess
from pathlib import Path

from support.harness import wait_for
from support.servers.certificates import Certificate
from support.servers.changes import query
from support.servers.process import Server, no_program

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql/bin"))
USER = "postgres"
ASK_FOR_TLS = struct.pack("!ii", 8, 80877103)
"""SSLRequest: see "Message Formats" of its manual."""
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = logical
max_wal_senders = 8
max_replication_slots = 8
shared_buffers = 32MB
"""


def missing() -> str:
    """Why there can be no server here; empty if there can."""
    if not (PROGRAMS / "postgres").exists():
        return f"there is no {PROGRAMS}/postgres"
    return no_program("setpriv")


def _unprivileged() -> list[str]:
    if os.geteuid():
        return []
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]


def use_certificate(server: Server, certificate: Certificate) -> None:
    """Let it serve by TLS, too, with this certificate; returns when it does."""
    data = server.directory / "data"
    for file, name in ((certificate.chain, "server.crt"), (certificate.key, "server.key")):
        path = data / name
        path.write_bytes(file.read_bytes())
        path.chmod(0o600)
        if not os.geteuid():
            user = pwd.getpwnam(USER)
            os.chown(path, user.pw_uid, user.pw_gid)
    query(server, "ALTER SYSTEM SET ssl = on")
    query(server, "SELECT pg_reload_conf()")  # which only tells it to
    own = ssl.PEM_cert_to_DER_cert(certificate.chain.read_text())
    wait_for("it serves by the certificate", lambda: _served(server) == own)


def _served(server: Server) -> bytes | None:
    """The certificate by which it serves; None if it serves in clear only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(ASK_FOR_TLS)
        if connection.recv(1) != b"S":
            return None
        with context.wrap_socket(connection) as wrapped:
            return wrapped.getpeercert(binary_form=True)


def server(directory: Path, port: int, settings: str = SETTINGS) -> Server:
    """A server with an empty database that is not yet started; anybody on loopback is trusted.

    The user `guarded` has the password `open sesame`, `outsider` is not let in.
    """
    if not os.geteuid():
        user = pwd.getpwnam(USER)
        os.chown(directory, user.pw_uid, user.pw_gid)
    data = directory / "data"
    initdb = (str(PROGRAMS / "initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-N")
    subprocess.run([*_unprivileged(), *initdb], check=True, capture_output=True, cwd=directory)
    with (data / "postgresql.conf").open("a") as file:
        file.write(settings + f"port = {port}\n")
    trust = (data / "pg_hba.conf").read_text()
    users = "host all guarded 127.0.0.1/32 scram-sha-256\nhost all outsider 127.0.0.1/32 reject\n"
    (data / "pg_hba.conf").write_text(users + trust)
    return _server(directory, port)


def _server(directory: Path, port: int) -> Server:
    command = [*_unprivileged(), str(PROGRAMS / "postgres"), "-D", str(directory / "data")]

    def ready() -> bool:
        asked = [str(PROGRAMS / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        return subprocess.run(asked, check=False).returncode == 0

    return Server("postgres", command, directory, port, ready)


def standby(directory: Path, port: int, *, of: Server) -> Server:
    """A copy of a running server that follows it, called `standby` there; not yet started."""
    if not os.geteuid():
        user = pwd.getpwnam(USER)
        os.chown(directory, user.pw_uid, user.pw_gid)
    source = f"host=127.0.0.1 port={of.port} user={USER} application_name=standby"
    command = (str(PROGRAMS / "pg_basebackup"), "-D", str(directory / "data"), "-d", source, "-R",
               "-X", "stream", "-c", "fast", "--no-sync")  # fmt: skip
    subprocess.run([*_unprivileged(), *command], check=True, capture_output=True, cwd=directory)
    with (directory / "data" / "postgresql.auto.conf").open("a") as file:
        file.write(f"port = {port}\n")
    return _server(directory, port)


def promote(server: Server) -> None:
    """Let a standby be the primary; returns when it is."""
    assert query(server, "SELECT pg_promote()") == [(True,)]
