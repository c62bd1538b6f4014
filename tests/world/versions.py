"""Two versions of the application: workers are upgraded one by one, and go back likewise."""
# Theory of operation
# ===================
# An operator says that an upgrade is to come, and then installs the newer version on each host and
# starts its worker again, in any order and at any time, whatever else goes wrong. The newer version
# deals out what there is in another way. Later the version before may be installed likewise: it
# goes on from its last checkpoint, in another line of the output. Where there is no way back any
# more, a worker does not start with it, and the operator installs again what the cluster runs.

import random
from typing import TYPE_CHECKING

import attrs

from wallarood.control.change.events import ChangeWanted
from wallarood.model.change import Change, ChangeKind
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.messages import ChangeRequest
from wallarood.model.topology import Topology
from wallarood.planning.back import GoBack

from .changing_job import turned
from .errors import ViolationError
from .founding import FINGERPRINT

if TYPE_CHECKING:
    from .changing import ChangingWorld
    from .changing_node import ChangingNode
    from .node import Node

VERSIONS = (FINGERPRINT, (*FINGERPRINT, "version 2"))
ASK_AGAIN_S = 2.5
TRIES = 48
WITHIN_S, MIXED_S = 3, 8
LATEST = 2
"""In how many times the time of faults a way back may begin."""


@attrs.frozen
class Newer:
    """How a cluster comes to the newer version."""

    fingerprint: tuple[str, ...] = VERSIONS[1]
    digest: str = "version 2"

    def __call__(self, record: ClusterRecord, _: object, /) -> Topology:
        """The topology of the next epoch."""
        return turned(record.topology)


class Versions:
    """What runs where. Nothing is upgraded unless *upgrades*."""

    def __init__(
        self,
        world: "ChangingWorld",
        chance: random.Random,
        *,
        upgrades: bool,
        returns: bool,
        mixes: bool,
    ) -> None:
        self.world, self.chance = world, chance
        self.upgrades, self.returns = upgrades, returns
        self.within_s = MIXED_S if mixes or world.loses else WITHIN_S
        """All hosts have a version in so many seconds."""
        self.installed: dict[str, int] = {}
        self.differs = world.loses
        """Whether some may be left on which a version is to be installed once more."""
        self.pending = self.ordered = False

    def begin(self) -> None:
        """Let it come, at some time."""
        if self.upgrades:
            self.world.later(2 + self.chance.random() * self.world.span.within_s, self.upgrade)

    # ---- what a worker starts with ---------------------------------------------------------------

    def of(self, name: str, record: ClusterRecord | None) -> tuple[str, ...]:
        """The version that a worker is started with."""
        mine = VERSIONS[self.installed.get(name, 0)]
        if record is not None and mine != record.fingerprint and self.way_of(mine, record) is None:
            self.world.say(f"{name} cannot start with another version than its cluster")
            self.installed[name] = VERSIONS.index(record.fingerprint)
            return record.fingerprint
        return mine

    def way_of(self, mine: tuple[str, ...], record: ClusterRecord | None) -> Newer | GoBack | None:
        """How the cluster comes to the version *mine*; None: it runs it, or there is no way."""
        if record is None or mine == record.fingerprint:
            return None
        if record.back is not None and record.back.fingerprint == mine:
            return GoBack(record.back, self.ordered)
        return Newer() if mine == VERSIONS[1] and self.pending else None

    # ---- what an operator does -------------------------------------------------------------------

    def upgrade(self) -> None:
        """The newer version comes, once there is something to take over."""
        if not self.world.truth:
            self.world.later(0.3, self.upgrade)
            return
        self.pending = True
        self.install(1)
        self.ask(ChangeKind.UPGRADE, VERSIONS[1], TRIES)
        if self.returns:
            self.world.later(2 + self.chance.random() * 4, self.go_back)

    def go_back(self) -> None:
        """The version before comes, if the cluster has come to the newer one."""
        world = self.world
        if self.now != VERSIONS[1]:
            if world.now < LATEST * world.faults_end_s:
                world.later(0.3, self.go_back)
            return
        self.pending, self.ordered = False, self.chance.random() < 0.5
        self.install(0)
        self.ask(ChangeKind.BACK, VERSIONS[0], TRIES)

    @property
    def unfinished(self) -> bool:
        """Whether the cluster is to come to another version yet."""
        wanted = VERSIONS[0] if self.returns and self.came else VERSIONS[1]
        return self.upgrades and self.now != wanted

    @property
    def came(self) -> bool:
        """Whether it has ever come to the newer one."""
        return any(change.fingerprint == VERSIONS[1] for change in self.world.decided.values())

    @property
    def now(self) -> tuple[str, ...]:
        """What the cluster runs."""
        change = self.world.decided.get(self.world.epoch)
        return VERSIONS[0] if change is None else change.fingerprint

    def install(self, version: int) -> None:
        """On each host, and restart."""
        for name in self.world.nodes:
            at = self.chance.random() * self.within_s
            self.world.later(at, lambda name=name: self.swap(name, version))  # type: ignore[misc]

    def swap(self, name: str, version: int) -> None:
        """On one host."""
        self.installed[name] = version
        node = self.world.nodes[name]
        if node.alive:
            self.world.say(f"{name} is restarted with version {version + 1}")
            self.world.kill(node)

    def refused(self, node: "Node") -> None:
        """A worker that was to join is none of this cluster: it is given what the others run."""
        version = VERSIONS.index(self.now)
        if self.upgrades and node.disk.record is None and self.installed.get(node.name) != version:
            self.world.say(f"{node.name} is to join with version {version + 1}")
            self.installed[node.name] = version
            self.differs = True

    def install_again(self, version: int) -> None:
        """Where it is not, if the cluster can come to it: some have joined with the other since."""
        for name in self.world.members:
            node = self.world.nodes[name]
            can = self.way_of(VERSIONS[version], node.disk.record) is not None
            if can and self.installed.get(name, 0) != version and self.chance.random() < 0.5:
                self.swap(name, version)

    def ask(self, kind: ChangeKind, wanted: tuple[str, ...], tries: int) -> None:
        """Say it at any member, until it is so: what was abandoned is not tried again by itself."""
        world = self.world
        if self.now == wanted or not tries:
            return
        if self.differs:
            self.install_again(VERSIONS.index(wanted))
        node = world.nodes[self.chance.choice(world.members)]
        if node.alive and node.formed:
            world.requests += 1
            node.give(ChangeWanted(ChangeRequest(f"r{world.requests}", kind, ())))
        world.later(ASK_AGAIN_S, lambda: self.ask(kind, wanted, tries - 1))

    # ---- what must never be ----------------------------------------------------------------------

    def check_begins(self, node: "ChangingNode", round_: int) -> None:
        """A round begins where the version of its epoch runs."""
        if node.disk.record is not None and node.version != node.disk.record.fingerprint:
            raise ViolationError(
                f"{node.name} begins round {round_}, and runs another version than epoch "
                f"{node.disk.epoch}"
            )

    def check_proposed(self, node: "ChangingNode", change: Change) -> None:
        """All that are in the cluster have run a version to which it is to come."""
        record, version = node.disk.record, change.fingerprint
        if record is None or version == record.fingerprint:
            return
        for name in change.workers:
            if (change.epoch - 1, version) not in self.world.changing_node(name).ran:
                raise ViolationError(f"{node.name} proposes {version}, and {name} has not run that")


def goes_back(change: Change, before: Change | None) -> bool:
    """Whether *change* takes the cluster back to the version before the one of *before*."""
    was = VERSIONS[0] if before is None else before.fingerprint
    return change.fingerprint == VERSIONS[0] != was
