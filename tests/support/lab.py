"""Hosts that run a real systemd as PID 1: see ``tests/systemd/systemd-host.sh``."""

import io
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from support.bound import bound
from support.harness import wait_for

SCRIPT = Path(__file__).parents[1] / "systemd" / "systemd-host.sh"
COMMAND_S = 240.0
ASK_STATUS = """
import socket
with socket.socket(socket.AF_UNIX) as asking:
    asking.settimeout(10)
    asking.connect("/run/wallarood/admin.sock")
    asking.sendall(b"GET /api/v1/status HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n")
    answer = b"".join(iter(lambda: asking.recv(65536), b""))
print(answer.partition(b"\\r\\n\\r\\n")[2].decode())
"""


def why_not() -> str:
    """Why there can be no lab here; empty if there can."""
    if os.geteuid() != 0:
        return "a lab needs root"
    tried = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"namespaces are denied: {tried.stderr.strip()}" if tried.returncode else ""


@attrs.define(eq=False)
class Lab:
    """A network of hosts. All that is in it ends with it."""

    directory: Path
    process: subprocess.Popen[bytes]
    pid: int

    @classmethod
    def start(cls) -> "Lab":
        """Start an empty lab. Each host will have a disk that loses what is not synced."""
        directory = Path(tempfile.mkdtemp(prefix="wallarood-lab-", dir="/tmp"))
        process = subprocess.Popen(
            bound(str(SCRIPT), "lab", "sleep", "infinity", by="TERM"),
            stdin=subprocess.DEVNULL,
            env={**os.environ, "SDH_DIR": str(directory), "SDH_DISK": "512M"},
            start_new_session=True,
        )
        lab = cls(directory, process, 0)
        wait_for("the lab stands", lab._found)
        lab.do("image")
        return lab

    def _found(self) -> bool:
        """The lab's first process, as this machine sees it, has made the bridge."""
        assert self.process.poll() is None, "the lab has ended"
        for child in _children(self.process.pid):
            for grandchild in _children(child):
                self.pid = grandchild
                return "lab0" in _net_devices(grandchild)
        return False

    def inside(self, *arguments: str) -> list[str]:
        """The command that runs the script with *arguments* inside the lab."""
        enter = ("nsenter", "-t", str(self.pid), "-m", "-n", "-p", "-u", "-i", "--", "env")
        name = f"sdh-{self.directory.name}"
        settings = (f"SDH_LAB={self.directory}", f"SDH_DIR={self.directory}", f"SDH_CGNAME={name}")
        return [*enter, *settings, "SDH_DISK=512M", str(SCRIPT), *arguments]

    def do(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run the script with *arguments* inside the lab."""
        return subprocess.run(
            self.inside(*arguments),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=COMMAND_S,
        )

    def name_hosts(self, hosts: "Mapping[str, str]") -> None:
        """Let each host know these names from its next boot on; they have the addresses."""
        lines = [f"{address} {name}\n" for name, address in hosts.items()]
        (self.directory / "hosts").write_text("".join(lines))

    def end(self) -> None:
        """End all hosts, and remove the lab."""
        self.process.terminate()
        self.process.wait()


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(each) for each in text.split()]


def _net_devices(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/net/dev").read_text()
    except OSError:
        return ""


@attrs.define(eq=False)
class Host:
    """One host of a lab."""

    lab: Lab
    name: str
    address: str

    def do(self, verb: str, *arguments: str) -> None:
        """Have the script do *verb* with this host."""
        done = self.lab.do(verb, self.name, *arguments)
        assert done.returncode == 0, f"{verb} {self.name}: {done.stderr.decode()}"

    @classmethod
    def clone(cls, model: "Host", name: str, address: str) -> "Host":
        """A host with what is on the disk of *model*, which is off; it is not booted yet."""
        model.do("clone", name)
        return cls(model.lab, name, address)

    def boot(self) -> None:
        """Boot, and wait until systemd is up."""
        self.do("boot", f"{self.address}/24")
        self.lab.do("wait", self.name)

    def try_(self, *command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command in the host."""
        return self.lab.do("run", self.name, *command, stdin=stdin)

    def run(self, *command: str, stdin: bytes = b"") -> str:
        """Run a command that must succeed; returns what it printed."""
        done = self.try_(*command, stdin=stdin)
        assert done.returncode == 0, (
            f"{self.name}: {' '.join(command)}: {done.returncode}\n"
            f"{done.stdout.decode()}{done.stderr.decode()}\n{self._latest()}"
        )
        return done.stdout.decode()

    def _latest(self) -> str:
        """The end of the journal: why a command failed."""
        return self.try_("journalctl", "-n", "40", "--no-pager").stdout.decode()

    def put(self, path: str, content: str | bytes) -> None:
        """Write a file, durably."""
        data = content.encode() if isinstance(content, str) else content
        place = 'mkdir -p "$(dirname "$0")" && cat >"$0" && sync "$0"'
        self.run("sh", "-c", place, path, stdin=data)

    def put_all(self, files: Mapping[str, str | bytes]) -> None:
        """Write several files at once, durably."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path, content in files.items():
                data = content.encode() if isinstance(content, str) else content
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size, entry.mode = len(data), 0o644
                archive.addfile(entry, io.BytesIO(data))
        unpack = 'tar -x -C / && sync "$@"'
        self.run("sh", "-c", unpack, "sh", *files, stdin=packed.getvalue())

    def install(self, package: Path) -> str:
        """Install a package file, with no network, durably."""
        self.put("/root/package.deb", package.read_bytes())
        return self.run("sh", "-c", "dpkg -i /root/package.deb && sync -f /usr /etc /var")

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "-P", name, unit).strip()

    def journal(self, unit: str = "wallarood") -> str:
        """All that a unit has logged up to now, messages only."""
        self.try_("journalctl", "--sync")
        return self.run("journalctl", "-u", unit, "-o", "cat", "--no-pager")

    def ask(self, *arguments: str) -> Any:
        """What wallarooctl answers in JSON; None if it does not answer."""
        done = self.try_("wallarooctl", *arguments, "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def status(self) -> Any:
        """What its worker answers on the admin socket; None if it does not.

        It takes a tenth of what `ask` takes, which starts `wallarooctl`.
        """
        done = self.try_("python3", "-I", "-S", "-c", ASK_STATUS)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None

    def told(self) -> Any:
        """Its status, as soon as it answers."""
        answers: list[Any] = []
        wait_for(f"{self.name} answers", lambda: answers.append(self.status()) or answers[-1])
        return answers[-1]

    def phase(self) -> str:
        """The state of the worker's job in a word; empty if it does not answer."""
        status = self.status()
        return str(status["job"]) if status else ""
