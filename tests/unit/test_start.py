"""What a start imports: each module counts in the time from exec to READY."""

import os
import socket
import subprocess
import sys
from pathlib import Path

APPLICATION = """
import wallarood as w

app = w.application("idle", w.source("in", w.TcpSource("127.0.0.1:0")).to_sink(w.ListSink([])))
"""
NOT_NEEDED = (
    "wallarood.admin.dashboard",
    "wallarood.admin.metrics",
    "wallarood.admin.peeking",
    "wallarood.admin.web",
    "wallarood.admin.why",
    "wallarood.app.statistics",
    "wallarood.cli.check",
    "wallarood.client",
    "wallarood.connectors.file",
    "wallarood.connectors.http",
    "wallarood.connectors.kafka",
    "wallarood.connectors.mqtt",
    "wallarood.connectors.spool",
    "wallarood.connectors.sse",
    "wallarood.connectors.websocket",
    "wallarood.devcluster",
    "wallarood.flow.joins",
    "wallarood.flow.steps.aggregates",
    "wallarood.flow.timed",
    "wallarood.flow.windows",
    "wallarood.net.authority",
    "wallarood.net.websocket",
    "wallarood.telemetry",
    "wallarood.testing",
    "confluent_kafka",
    "cryptography",
    "difflib",
    "h11",
    "hiredis",
    "google.protobuf",
    "grpc",
    "multiprocessing",
    "opentelemetry",
    "paho",
    "psycopg",
    "prometheus_client",
    "pyarrow",
    "trio_websocket",
    "zoneinfo",
)
OURS_MAX = 299
"""What may be imported of this package; raise it for what every start needs, and for that alone."""


def imported_until_ready(directory: Path) -> list[str]:
    """The modules that a worker has imported when it says that it is READY."""
    (directory / "idle.py").write_text(APPLICATION)
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(directory / "notify"))
    told.settimeout(60)
    command = [sys.executable, "-X", "importtime", "-m", "wallarood", "run", "idle.py:app"]
    environment = {
        **os.environ,
        "NOTIFY_SOCKET": str(directory / "notify"),
        "PYTHONHASHSEED": "0",
    }
    with told, (directory / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=directory, env=environment, stderr=said)
        try:
            while b"READY=1" not in told.recv(65536):
                pass
        finally:
            process.kill()
            process.wait()
    lines = (directory / "said").read_text().splitlines()
    return [line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")]


def test_a_start_imports_nothing_that_the_application_does_not_use(tmp_path: Path) -> None:
    found = imported_until_ready(tmp_path)
    assert "wallarood.daemon.main" in found
    wrong = [name for name in found if f"{name}.".startswith(tuple(f"{n}." for n in NOT_NEEDED))]
    assert wrong == []
    assert len([name for name in found if name.partition(".")[0] == "wallarood"]) <= OURS_MAX


def test_what_is_imported_before_the_seed_of_hash_is_fixed_is_next_to_nothing() -> None:
    show = """
import sys
known = set(sys.modules)
import wallarood.__main__
print(*sorted(set(sys.modules) - known))
"""
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    ours = ["wallarood", "wallarood.__main__", "wallarood.daemon", "wallarood.daemon.hash_seed"]
    assert {"typing", "argparse", "attr", "enum"}.isdisjoint(set(done.stdout.split()))
    assert [name for name in done.stdout.split() if name.startswith("wallarood")] == ours
