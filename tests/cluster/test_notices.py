"""What the service manager is told while the cluster changes: no worker stops that goes on."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.growing import Growing
from support.harness import NAMES, hosts_in, wait_for
from support.rests import counting


class ServiceManager:
    """What listens in systemd's place: it reads all the time, since few notices are queued."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.told: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        while notice := self.socket.recv(8192):
            self.told += notice.decode().splitlines()

    def heard(self, word: str) -> int:
        """How many notices have had *word* so far."""
        return self.told.count(word)

    def end(self) -> None:
        """Read no more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.socket.getsockname())
        self.reader.join()
        self.socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    manager = ServiceManager(tmp_path / "notify")
    yield manager
    manager.end()


def test_a_worker_that_goes_on_in_the_next_epoch_does_not_say_that_it_stops(
    manager: ServiceManager, tmp_path: Path
) -> None:
    """One that does is killed by systemd when its time to stop is over."""
    (tmp_path / "app.py").write_text(counting("slow_count", "rate=2000"))
    with hosts_in(tmp_path) as hosts:
        hosts.environment["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        cluster = Growing(hosts, str(tmp_path / "app.py"))
        cluster.start(NAMES[0])
        cluster.until("it runs", 1, "running")
        cluster.grow("beta", 2)
        wait_for("both are ready again", lambda: manager.heard("READY=1") >= 4)
        assert manager.heard("STOPPING=1") == 0
        cluster.end()
        wait_for("both have said that they stop", lambda: manager.heard("STOPPING=1") >= 2)
        assert manager.heard("STOPPING=1") == 2
