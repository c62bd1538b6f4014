"""The operator's guide to the letter: each of its commands is run on three hosts, in its order."""

import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from support.guide import Operator
from support.harness import wait_for
from support.lab import Host, Lab

from tests.systemd.conftest import WORDS, Cluster, text_of

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "man" / "wallarood-operations.7"
README = ROOT / "README.md"
NAMES = ("alpha", "beta", "gamma")
WITH_PACKAGE = (
    WORDS.replace("import wallarood", "import shared_words\nimport wallarood")
    .replace("line.split()", "shared_words.split(line)")
    .replace('"counts"', '"/srv/counts"')
)

QUICKER = """
[checkpoint]
interval = "500ms"

[limits]
batch-records-max = 16
"""


def wheel() -> bytes:
    """The package shared_words, as an operator is given it."""
    name, info = "shared_words", "shared_words-1.0.dist-info"
    files = {
        f"{name}.py": "def split(line: str) -> list[str]:\n    return line.split()\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: shared-words\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return written.getvalue()


def configures(operator: Operator, host: Host) -> None:
    """Write the configuration as the guide shows it for *host*, with its packages."""
    configuration, packages, *_ = operator.files
    common = configuration.partition("[application]")[0]
    if host.name == "alpha":
        common = common.replace("# topology-initializer", "topology-initializer")
    host.put("/etc/wallaroo/wallarood.toml", common + packages + QUICKER)


@pytest.fixture
def operator(lab: Lab, packages: list[Path]) -> Iterator[Operator]:
    """Three hosts that have nothing of ours but files to install, and who knows each other."""
    hosts = [Host(lab, name, f"10.77.0.{n}") for n, name in enumerate(NAMES, 21)]
    operator = Operator.reading(GUIDE.read_text(), hosts)

    def make(host: Host) -> None:
        host.boot()
        # As Debian's installer writes it: to itself, a host has another address.
        others = [f"{other.address} {other.name}" for other in hosts if other is not host]
        known = ["127.0.0.1 localhost", f"127.0.1.1 {host.name}", *others, ""]
        host.put("/etc/hosts", "\n".join(known))
        for number, package in enumerate(packages):
            host.put(f"/root/wallarood_0.1.{number}_amd64.deb", package.read_bytes())
        host.put("/root/words.py", WITH_PACKAGE)
        host.put("/root/shared_words-1.0-py3-none-any.whl", wheel())
        host.put("/srv/words/text", text_of(1 + hosts.index(host)))

    operator.each(make)
    yield operator
    for host in hosts:
        host.do("rmhost")


def test_the_readme_says_what_the_guide_says() -> None:
    guide = Operator.reading(GUIDE.read_text(), [])
    section = README.read_text().partition("\n## As a service")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", section, re.S | re.M)
    [configuration] = (text for kind, text in blocks if kind == "toml")
    assert configuration == guide.files[0]
    lines = "".join(text for kind, text in blocks if not kind).splitlines()
    commands = [line.partition("#")[0].strip() for line in lines]
    assert len(commands) > 10
    assert set(commands) <= guide.commands


@pytest.mark.long
def test_all_that_the_guide_says(operator: Operator) -> None:
    alpha, beta, gamma = operator.hosts
    install(operator)
    allow_the_sink(operator)
    start_apart(operator)
    look(operator)
    renew_certificates(operator)
    alpha.put("/etc/wallaroo/20-page.toml", operator.files[3])
    for host in operator.hosts:
        operator.does(host, "systemctl restart wallarood")
        operator.sees("running")
    watch(operator)
    lose_a_disk(operator)
    for host in operator.hosts:
        operator.does(host, "apt install ./wallarood_0.1.1_amd64.deb")
        operator.sees("running")
    operator.does(beta, "wallarooctl shutdown")
    wait_for("alpha is down", lambda: alpha.show("wallarood", "ActiveState") == "inactive")
    operator.everywhere("systemctl start wallarood")
    operator.sees("running")
    cluster = Cluster(operator.hosts)
    cluster.hurry()
    cluster.check("/srv/counts")
    begin_anew(operator)
    cluster.hurry()
    cluster.check("/srv/counts")
    several_on_one(operator, gamma)
    for host, command in ((gamma, "apt remove wallarood"), (beta, "apt purge wallarood")):
        operator.does(host, command, stdin=b"y\n")
    assert gamma.run("ls", "/etc/wallaroo", "/var/lib/wallarood")
    assert beta.run("sh", "-c", "ls -d /etc/wallaroo /var/lib/wallarood || true") == ""
    assert operator.waiting == set()


def install(operator: Operator) -> None:
    """Packages, the application, keys and the configuration."""
    alpha = operator.hosts[0]
    operator.everywhere("apt install ./wallarood_0.1.0_amd64.deb")
    operator.everywhere("install -D -m 644 words.py /opt/words/words.py")
    operator.does(alpha, "wallarood keys init")
    for host in operator.hosts:
        operator.does(alpha, f"wallarood keys issue {host.name}")
        for file in alpha.run("ls", f"/root/{host.name}").split():
            host.put(f"/root/{host.name}/{file}", alpha.run("cat", f"/root/{host.name}/{file}"))
    operator.everywhere("install -m 600 alpha/* /etc/wallaroo/keys/", as_name="alpha")
    operator.does(alpha, "python3 -m venv /opt/words/venv")
    operator.does(alpha, "/opt/words/venv/bin/pip install ./shared_words-1.0-py3-none-any.whl")
    made = alpha.try_("tar", "-c", "-C", "/opt/words", "venv").stdout
    for host in operator.hosts[1:]:  # making another takes long, and would show nothing more
        host.run("tar", "-x", "-C", "/opt/words", stdin=made)
    operator.each(lambda host: configures(operator, host))


def allow_the_sink(operator: Operator) -> None:
    """What the unit may not write to, check names; the drop-in mends it."""
    [check] = (each for each in operator.commands if each.startswith("systemd-run"))
    said = operator.fails(operator.hosts[0], check)
    assert "/srv/counts" in said
    assert "ReadWritePaths=" in said
    place = "/etc/systemd/system/wallarood.service.d/counts.conf"
    operator.everywhere("install -d -o wallaroo /srv/counts")
    operator.each(lambda host: host.put(place, operator.files[2]))
    operator.everywhere("systemctl daemon-reload")
    operator.everywhere("wallarood check")


def start_apart(operator: Operator) -> None:
    """The initializer last: each unit is up before the next is begun."""
    for host in reversed(operator.hosts):
        operator.does(host, "systemctl start wallarood")
        assert host.show("wallarood", "ActiveState") == "active"
    operator.sees("running")


def look(operator: Operator) -> None:
    """Status and journal."""
    alpha = operator.hosts[0]
    for command in ("systemctl status wallarood", "wallarooctl status"):
        assert "running" in operator.does(alpha, command)
    assert "running" in operator.does(alpha, "journalctl -u wallarood")
    assert "WALLAROOD_CLUSTER_ID=wc-" in alpha.run("journalctl", "-u", "wallarood", "-o", "verbose")


def watch(operator: Operator) -> None:
    """The page, and what the command line says of the whole cluster."""
    alpha = operator.hosts[0]
    page = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:7780/').status)"
    assert alpha.run("python3", "-c", page) == "200\n"
    [token] = (each for each in operator.commands if each.startswith("openssl"))
    operator.does(alpha, token)
    assert len(alpha.run("cat", "/etc/wallaroo/keys/http.token")) == 65
    assert operator.does(alpha, "wallarooctl why").endswith("\n")
    for host in operator.hosts:
        assert host.name in operator.does(alpha, "wallarooctl top")


def renew_certificates(operator: Operator) -> None:
    """All workers take their new certificates over while they run."""
    alpha = operator.hosts[0]
    process = alpha.show("wallarood", "MainPID")
    certificate = "/etc/wallaroo/keys/worker.crt"
    before = alpha.run("cat", certificate)
    assert "days left" in operator.does(alpha, f"wallarood keys show {certificate}")
    operator.does(alpha, "wallarood keys issue alpha --out alpha.new")
    operator.does(alpha, "install -m 600 alpha.new/* /etc/wallaroo/keys/")
    operator.does(alpha, "systemctl reload wallarood")
    assert alpha.run("cat", certificate) != before
    operator.sees("running")
    assert alpha.show("wallarood", "MainPID") == process


def lose_a_disk(operator: Operator) -> None:
    """A worker without its state is refused until a copy of it is put back."""
    gamma = operator.hosts[2]
    operator.does(gamma, "wallarooctl checkpoint --keep monday")
    operator.does(gamma, "systemctl stop wallarood")
    operator.does(gamma, "install -d /backup")
    operator.does(gamma, "cp -a /var/lib/wallarood /backup/")
    operator.does(gamma, "systemctl start wallarood")
    operator.sees("running")
    gamma.run("sh", "-c", "systemctl stop wallarood && rm -r /var/lib/wallarood")
    gamma.try_("systemctl", "start", "wallarood")
    wait_for("it is refused", lambda: gamma.show("wallarood", "ExecMainStatus") == "76")
    operator.does(gamma, "rm -rf /var/lib/wallarood")
    operator.does(gamma, "cp -a /backup/wallarood /var/lib/")
    operator.does(gamma, "systemctl start wallarood")
    operator.sees("running")
    operator.does(gamma, "wallarooctl checkpoint --drop monday")


def begin_anew(operator: Operator) -> None:
    """A new cluster in the place of the old one."""
    operator.everywhere("systemctl stop wallarood")
    operator.everywhere("wallarood state reset --state-directory /var/lib/wallarood")
    operator.everywhere("wallarood state show --state-directory /var/lib/wallarood")
    operator.each(lambda host: host.run("sh", "-c", "rm -r /srv/counts/*"))
    operator.everywhere("systemctl start wallarood")


def several_on_one(operator: Operator, host: Host) -> None:
    """Two workers, which start and reload together."""
    operator.does(host, "systemctl disable --now wallarood")
    two = operator.files[1] + '[worker]\ncount = 2\ncontrol-channel = "127.0.0.1:7700"\n'
    host.put("/etc/wallaroo/wallarood.toml", two)
    host.put("/etc/wallaroo/one.toml", "[worker]\ntopology-initializer = true\n")
    host.put("/etc/wallaroo/two.toml", "")
    host.put("/etc/systemd/system/wallarood@.service.d/counts.conf", operator.files[2])
    host.run("sh", "-c", "rm -r /etc/wallaroo/keys/* /srv/counts/*; systemctl daemon-reload")
    operator.does(host, "systemctl enable --now wallarood@one wallarood@two wallarood.target")
    status = ("wallarooctl", "status", "--socket", "/run/wallarood/one/admin.sock")
    wait_for("both work", lambda: "completed" in host.try_(*status).stdout.decode())
    before = host.show("wallarood@two", "MainPID")
    operator.does(host, "systemctl reload wallarood.target")
    assert host.show("wallarood@two", "MainPID") == before
    assert "configuration reloaded" in host.journal("wallarood@two")
    operator.does(host, "systemctl restart wallarood.target")
    assert host.show("wallarood@two", "MainPID") != before
