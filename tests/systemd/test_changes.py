"""The guide to changes to the letter: hosts come and go, are lost, and get a new version."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.guide import Operator
from support.harness import wait_for
from support.lab import Host, Lab

pytestmark = pytest.mark.long

GUIDE = Path(__file__).parents[2] / "man" / "wallarood-changes.7"
ADDRESSES = {
    name: f"10.77.0.{21 + n}" for n, name in enumerate(("alpha", "beta", "gamma", "delta"))
}
RESTS = 97
PARTITIONS = 4
NEW_DISK = "mv /var/lib/wallarood /var/lib/old"
LOST_MAX = 0.05
"""The share of what a lost host had committed and not published: some checkpoints of two hosts,
which take longer where all takes longer.
"""

FIRST = f"""
import wallarood as w


class Seen:
    count = 0


@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> tuple[int, int]:
    state.count += 1
    return number, state.count


app = w.application(
    "counts",
    w.source("numbers", w.GeneratorSource(rate=200, partitions={PARTITIONS}))
    .key_by(lambda number: number % {RESTS}, name="by-rest")
    .to(seen)
    .to_sink(w.FileSink("counts"), name="out"),
)
"""
SECOND = f"""
import wallarood as w


class Counted:
    def __init__(self, amount):
        self.amount = amount
        self.largest = 0


def of_seen(stored, version):
    return Counted(stored.count)


@w.state_computation(state=lambda: Counted(0), version=2, migrate=of_seen)
def counted(number: int, state: Counted) -> tuple[int, int]:
    state.amount += 1
    state.largest = max(number, state.largest)
    return number, state.amount


numbers = w.source("naturals", w.GeneratorSource(rate=200, partitions={PARTITIONS})).key_by(
    lambda number: number % {RESTS}, name="by-rest"
)
app = w.application(
    "counts",
    numbers.to(counted).to_sink(w.FileSink("counts"), name="out"),
    numbers.aggregate(w.count(), name="many").to_sink(w.FileSink("many"), name="many-out"),
    was={{"counted": "seen", "naturals": "numbers"}},
)
"""
CONFIGURATION = """
[worker]
count = 3
control-channel = "alpha:7700"
{first}

[application]
target = "words:app"
path = ["/opt/words"]

[timing]
heartbeat = "500ms"
liveness-deadline = "3s"
name-taken-wait = "500ms"
connect-backoff-max = "200ms"
"""
QUICKER = 'checkpoint.interval = "1s"\n'


@contextmanager
def made_operator(lab: Lab, installed: Host) -> Iterator[Operator]:
    """Hosts with the package, the application, and a configuration for three; three have keys."""
    lab.name_hosts(ADDRESSES)
    hosts = [Host.clone(installed, name, address) for name, address in ADDRESSES.items()]
    operator = Operator.reading(GUIDE.read_text(), hosts)
    operator.each(Host.boot)
    hosts[0].run("sh", "-c", "cd /root && wallarood keys init")
    operator.each(lambda host: equip(operator, host))
    _, copies, _ = operator.files
    assert "replicas = 0" in copies  # what turns them off, which is not done here
    operator.each(lambda host: host.put("/etc/wallaroo/20-quicker.toml", QUICKER))
    for host in hosts[:3]:
        issue_for(operator, host)
    yield operator
    for host in hosts:
        host.do("rmhost")


@pytest.fixture
def operator(lab: Lab, installed: Host) -> Iterator[Operator]:
    """Four hosts, of which the last has been told to join."""
    with made_operator(lab, installed) as operator:
        operator.hosts[3].put("/etc/wallaroo/50-join.toml", operator.files[0])
        yield operator


def issue_for(operator: Operator, host: Host) -> None:
    """The certificate of a host, from the authority on alpha, in the directory of its name."""
    alpha = operator.hosts[0]
    issue = f"wallarood keys issue {host.name}"
    if issue in operator.commands:
        operator.does(alpha, issue)
    else:
        alpha.run("sh", "-c", f"cd /root && {issue}")
    files = alpha.run("ls", f"/root/{host.name}").split()
    host.put_all(
        {f"/root/{host.name}/{f}": alpha.run("cat", f"/root/{host.name}/{f}") for f in files}
    )


def equip(operator: Operator, host: Host) -> None:
    """What each host has before it is started, but for the key of a new one."""
    is_first = host is operator.hosts[0]
    first = "topology-initializer = true" if is_first else ""
    host.put_all(
        {
            "/etc/wallaroo/wallarood.toml": CONFIGURATION.format(first=first),
            "/opt/words/words.py": FIRST,
            "/root/words-1.py": FIRST,
            "/root/words-2.py": SECOND,
        }
    )


def test_all_that_the_guide_to_changes_says(operator: Operator) -> None:
    alpha, beta, gamma, delta = operator.hosts
    operator.hosts = [alpha, beta, gamma]
    start(operator)
    add(operator, delta)
    remove(operator, delta)
    upgrade(operator)
    go_back(operator)
    upgrade_again(operator)
    replace_disk(operator, gamma)
    lose(operator, gamma)
    lose_one_of_two(operator, beta)
    alpha.run("wallarooctl", "shutdown")
    assert operator.waiting == set()
    check([alpha, beta, gamma, delta])


def start(operator: Operator) -> None:
    """Three hosts form a cluster, and have copies of each other's checkpoints."""
    operator.everywhere("install -m 600 delta/* /etc/wallaroo/keys/", as_name="delta")
    operator.everywhere("systemctl start wallarood")
    operator.sees("running")
    alpha = operator.hosts[0]
    assert "running" in operator.does(alpha, "wallarooctl status")
    assert "running" in alpha.run("systemctl", "status", "wallarood")


def add(operator: Operator, delta: Host) -> None:
    """A fourth host joins, and gets its part of the slots, as was said before."""
    planned = operator.does(operator.hosts[0], "wallarooctl grow --dry-run delta")
    assert "joining: delta; staying: alpha, beta, gamma" in planned
    assert "64 of 256 slots would move" in planned
    issue_for(operator, delta)
    operator.does(delta, "install -m 600 delta/* /etc/wallaroo/keys/")
    operator.does(delta, "systemctl start wallarood")
    operator.hosts.append(delta)
    is_at(operator, 2)
    assert "slots to delta" in delta.journal()
    assert "by-rest" in delta.run("wallarooctl", "topology")
    commits(operator)


def remove(operator: Operator, delta: Host) -> None:
    """It leaves again, for good."""
    alpha = operator.hosts[0]
    planned = operator.does(alpha, "wallarooctl shrink --dry-run delta")
    assert "64 of 256 slots would move" in planned
    assert alpha.told()["epoch"] == 2
    assert "delta left the cluster" in operator.does(alpha, "wallarooctl shrink delta")
    operator.hosts.remove(delta)
    wait_for("it ended", lambda: delta.show("wallarood", "ActiveState") == "inactive")
    assert delta.show("wallarood", "ExecMainStatus") == "0"
    operator.does(delta, "systemctl disable wallarood")
    is_at(operator, 3)


def upgrade(operator: Operator) -> None:
    """The new version is announced, withdrawn, announced again, and installed host by host."""
    alpha = operator.hosts[0]
    assert "waits for a new version" in operator.does(alpha, "wallarooctl upgrade")
    operator.does(alpha, "wallarooctl upgrade --cancel")
    operator.does(alpha, "wallarooctl upgrade")
    for host in operator.hosts:
        install(operator, host, 2)
        compared = operator.does(
            host, "wallarood check --upgrade --state-directory /var/lib/wallarood"
        )
        assert "'counted': renamed, it was 'seen'" in compared
        restart(operator, host)
        if host is alpha:
            mixed(operator.hosts, f"a new version runs on alpha, and not yet on {OTHERS}")
    is_at(operator, 4)
    commits(operator)


OTHERS = "beta, gamma"


def install(operator: Operator, host: Host, version: int) -> None:
    operator.does(host, f"install -m 644 words-{version}.py /opt/words/words.py")


def restart(operator: Operator, host: Host) -> None:
    operator.does(host, "systemctl restart wallarood")


def mixed(hosts: list[Host], text: str) -> None:
    """Wait until all say which workers run which version: to an operator, and to systemd."""

    def is_said(host: Host) -> bool:
        shown = host.show("wallarood", "StatusText")
        return text in host.told()["phase"] and text in shown and text in host.journal()

    for host in hosts:
        wait_for(f"{host.name} says so", lambda host=host: is_said(host))


def go_back(operator: Operator) -> None:
    """The version before is installed once more, host by host, and goes on from where it was."""
    alpha, beta, _ = operator.hosts
    planned = operator.does(alpha, "wallarooctl upgrade --back --dry-run")
    assert "lost: the state of computation 'many'" in planned
    for host in operator.hosts:
        install(operator, host, 1)
        restart(operator, host)
        if host is alpha:
            text = f"the version before the upgrade does not run on {OTHERS}"
            mixed(operator.hosts, text)
    assert "went back to checkpoint" in operator.does(beta, "wallarooctl upgrade --back")
    is_at(operator, 5)
    commits(operator)


def upgrade_again(operator: Operator) -> None:
    """The new version comes once more, and the way back is given up."""
    alpha, beta, gamma = operator.hosts
    operator.does(gamma, "wallarooctl upgrade")
    for host in operator.hosts:
        install(operator, host, 2)
        restart(operator, host)
    is_at(operator, 6)
    commits(operator)
    assert "before-upgrade" in beta.run("wallarooctl", "status")
    operator.does(alpha, "wallarooctl checkpoint --drop before-upgrade")
    wait_for("it is dropped", lambda: "before-upgrade" not in beta.run("wallarooctl", "status"))
    assert "there is no way back" in operator.fails(alpha, "wallarooctl upgrade --back")


def replace_disk(operator: Operator, gamma: Host) -> None:
    """An empty disk takes the place of the old one, which an operator says on another host."""
    alpha = operator.hosts[0]
    gamma.run("sh", "-c", f"systemctl kill -s KILL wallarood; systemctl stop wallarood; {NEW_DISK}")
    misses(alpha, gamma)
    gamma.put("/etc/wallaroo/50-join.toml", operator.files[0])
    assert "from the copy on" in operator.does(alpha, "wallarooctl replace --dry-run gamma")
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(operator.does, alpha, "wallarooctl replace gamma --lose-output")
        operator.does(gamma, "systemctl start wallarood")
        # Refused until the order is there, it ends; who starts it sooner has to start it again.
        while not asked.done():
            gamma.try_("systemctl", "start", "wallarood")
            threading.Event().wait(1)
        asked.result()
    gamma.run("rm", "/etc/wallaroo/50-join.toml")
    is_at(operator, 7)
    commits(operator)


def lose(operator: Operator, gamma: Host) -> None:
    """The others go on without a lost host; when it comes back it is told so."""
    alpha = operator.hosts[0]
    loses_power(operator, gamma)
    misses(alpha, gamma)
    planned = operator.does(alpha, "wallarooctl evict --dry-run gamma")
    assert "leaving: gamma; staying: alpha, beta" in planned
    assert "gamma is no longer a member" in operator.does(
        alpha, "wallarooctl evict gamma --lose-output"
    )
    is_at(operator, 8)
    commits(operator)
    comes_back_as_a_stranger(gamma)


def lose_one_of_two(operator: Operator, beta: Host) -> None:
    """One of two goes on alone only if an operator says that the other is dead."""
    alpha = operator.hosts[0]
    loses_power(operator, beta)
    misses(alpha, beta)
    refused = alpha.try_("wallarooctl", "evict", "beta", "--lose-output").stderr.decode()
    assert "no majority" in refused
    operator.does(alpha, "wallarooctl evict beta --certified-dead --lose-output")
    is_at(operator, 9)
    commits(operator)
    assert "no version to go back to" in operator.fails(alpha, "wallarooctl upgrade --back")
    comes_back_as_a_stranger(beta)


def loses_power(operator: Operator, host: Host) -> None:
    """Its power is cut, long after its application and keys were put there."""
    host.run("sync")
    host.do("cut")
    operator.hosts.remove(host)


def misses(asked: Host, lost: Host) -> None:
    """Wait until one says, to an operator and to systemd, for whom it waits."""
    wait_for("it is missed", lambda: asked.phase() in ("paused", "recovering"))
    wait_for("it is named", lambda: lost.name in asked.show("wallarood", "StatusText"))


def comes_back_as_a_stranger(lost: Host) -> None:
    """The host boots again with its old disk: its worker is refused, and says since when."""
    lost.boot()
    try:
        wait_for("it is refused", lambda: lost.show("wallarood", "ExecMainStatus") == "76")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{lost.journal()[-4000:]}") from error
    assert f"{lost.name} was evicted at epoch" in lost.journal()


def is_at(operator: Operator, epoch: int, *, wait_s: float = 120) -> None:
    """Wait until all run in that epoch."""

    def runs(host: Host) -> bool:
        status = host.status()
        return bool(status) and status["epoch"] == epoch and status["job"] == "running"

    wait_for(f"epoch {epoch} runs", lambda: all(map(runs, operator.hosts)), wait_s=wait_s)


def commits(operator: Operator) -> None:
    """Wait until checkpoints have been committed that each has a copy of."""
    alpha = operator.hosts[0]
    begun = alpha.told()["checkpoint"]["committed"]
    wait_for("checkpoints", lambda: alpha.told()["checkpoint"]["committed"] > begun + 2)


def check(hosts: list[Host]) -> None:
    """Each number was counted once, whoever counted it; what is lost was on the lost hosts.

    Which output is lost shows in the numbers that are missing; their counts must be missing too.
    """
    counts: dict[int, list[int]] = {rest: [] for rest in range(RESTS)}
    numbers: list[int] = []
    for host in hosts:
        written = host.run("sh", "-c", "cat /var/lib/*/counts/[!.]* || true")
        for line in written.splitlines():
            number, count = map(int, line.split("\t"))
            numbers.append(number)
            counts[number % RESTS].append(count)
    assert len(set(numbers)) == len(numbers), "a number came twice"
    read = {p: max(n for n in numbers if n % PARTITIONS == p) for p in range(PARTITIONS)}
    every = {n for p, last in read.items() for n in range(p, last + 1, PARTITIONS)}
    missing = Counter(number % RESTS for number in every - set(numbers))
    assert {rest: max(those) - len(set(those)) for rest, those in counts.items()} == {
        rest: missing[rest] for rest in counts
    }
    assert missing.total() < LOST_MAX * len(every), (
        "more is lost than what was not published on a lost disk"
    )
