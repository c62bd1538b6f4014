"""A lab with three hosts, and the package that is installed on them."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import attrs
import pytest
from support.harness import wait_for
from support.lab import Host, Lab, why_not

ROOT = Path(__file__).parents[2]
MISSING = 69
"""How building ends where tools are missing."""

WORDS = """
import pathlib, time

import attrs

import wallarood as w


@w.computation_batch(blocking=True)
def slowly(lines: list[str]) -> list[str]:
    if not pathlib.Path("/srv/hurry").exists():
        time.sleep(0.03 * len(lines))
    return lines


@w.computation_multi
def split(line: str) -> list[str]:
    return line.split()


@attrs.define
class Total:
    count: int = 0


@w.state_computation(state=Total)
def count(word: str, total: Total) -> tuple[str, int]:
    total.count += 1
    return word, total.count


app = w.application(
    "words",
    w.source("lines", w.FileSource("/srv/words", scope="local"))
    .to(slowly)
    .to(split)
    .key_by(lambda word: word)
    .to(count)
    .to_sink(w.FileSink("counts")),
)
"""

CONFIGURATION = """
[worker]
count = 3
control-channel = "10.77.0.1:7700"
topology-initializer = {first}

[application]
target = "words"
path = ["/opt/words"]

[timing]
heartbeat = "200ms"
liveness-deadline = "4s"
name-taken-wait = "500ms"
connect-backoff-max = "200ms"

[checkpoint]
interval = "500ms"

[limits]
batch-records-max = 16
"""


def not_here(reason: str) -> NoReturn:
    """These tests cannot run here: they are skipped, unless they must not be."""
    if os.environ.get("WALLAROOD_REQUIRE_LAB"):
        pytest.fail(reason)
    pytest.skip(reason)


def text_of(host: int) -> str:
    """Some lines for the host of that number."""
    return "".join(f"w{n % 97} h{host} w{n % 13}\n" for n in range(20_000))


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The package as it is built, and the same as its next version."""
    packed_fast = {"DPKG_DEB_COMPRESSOR_TYPE": "gzip", "DPKG_DEB_COMPRESSOR_LEVEL": "1"}
    made = subprocess.run(
        [ROOT / "packaging" / "build-deb"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | packed_fast,
    )
    if made.returncode == MISSING:
        not_here(made.stderr)
    assert made.returncode == 0, made.stderr
    first = ROOT / made.stdout.strip()
    folder = tmp_path_factory.mktemp("next")
    tree, following = folder / "tree", folder / "next.deb"
    subprocess.run(["dpkg-deb", "-R", first, tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("Version: 0.1.0", "Version: 0.1.1"))
    subprocess.run(
        ["dpkg-deb", "-Znone", "--root-owner-group", "-b", tree, following],
        check=True,
        capture_output=True,
    )
    return [first, following]


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab; where there can be none the test is skipped, unless it must not be."""
    if reason := why_not():
        not_here(reason)
    lab = Lab.start()
    yield lab
    lab.end()


@attrs.frozen
class Cluster:
    """Three hosts with a package each, configured and not yet started."""

    hosts: list[Host]

    def each(self, *command: str) -> None:
        """Run a command on all hosts at once."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: host.run(*command), self.hosts))

    def configure(self, more: str = "") -> None:
        """Put configuration, keys, application and input on all hosts."""
        self.hosts[0].run("wallarood", "keys", "init", "--authority", "/root/ca")
        self.issue()
        for number, host in enumerate(self.hosts, 1):
            first = "true" if number == 1 else "false"
            host.put_all(
                {
                    "/etc/wallaroo/wallarood.toml": CONFIGURATION.format(first=first) + more,
                    "/opt/words/words.py": WORDS,
                    "/srv/words/text": text_of(number),
                }
            )

    def issue(self) -> None:
        """Make certificates for all, and put them where the units look for them."""
        first = self.hosts[0]
        for host in self.hosts:
            out = f"/root/{host.name}"
            issue = ("wallarood", "keys", "issue", host.name, "--authority", "/root/ca")
            first.run(*issue, "--out", out)
            keys = "/etc/wallaroo/keys"
            files = ("ca.crt", "cluster.key", "worker.crt", "worker.key")
            host.put_all({f"{keys}/{file}": first.run("cat", f"{out}/{file}") for file in files})

    def hurry(self) -> None:
        """Let the job be done soon, and wait until it is."""
        for host in self.hosts:
            host.put("/srv/hurry", "")
        done = {"completed"}
        wait_for("all have completed", lambda: {h.phase() for h in self.hosts} == done, wait_s=120)

    def check(self, directory: str = "/var/lib/wallarood/counts") -> None:
        """The words of all texts are counted 1, 2, 3, … once, wherever a count was written."""
        numbers = range(1, len(self.hosts) + 1)
        expected = Counter(word for number in numbers for word in text_of(number).split())
        counts: dict[str, list[int]] = {}
        for host in self.hosts:
            script = f"cd {directory} && cat $(ls | sort) /dev/null"
            for line in host.run("sh", "-c", script).splitlines():
                word, count = line.split("\t")
                counts.setdefault(word, []).append(int(count))
        assert {word: len(each) for word, each in counts.items()} == expected
        assert all(each == list(range(1, len(each) + 1)) for each in counts.values())


@pytest.fixture(scope="session")
def installed(lab: Lab, packages: list[Path]) -> Host:
    """A host that is off, with the package, not configured: others are made from it."""
    host = Host(lab, "model", "10.77.0.10")
    host.boot()
    host.install(packages[0])
    host.do("off")
    return host


@pytest.fixture(scope="module")
def host(installed: Host) -> Iterator[Host]:
    """One host with the package, not configured."""
    host = Host.clone(installed, "solo", "10.77.0.9")
    host.boot()
    yield host
    host.do("rmhost")


@pytest.fixture
def cluster(installed: Host) -> Iterator[Cluster]:
    """Three fresh hosts with the package."""
    hosts = [Host.clone(installed, f"h{n}", f"10.77.0.{n}") for n in (1, 2, 3)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(Host.boot, hosts))
    yield Cluster(hosts)
    for host in hosts:
        host.do("rmhost")
