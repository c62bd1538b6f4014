"""The way back from an upgrade: the version before goes on from its last checkpoint."""
# Theory of operation
# ===================
# Each worker keeps its part of the last checkpoint of the version before, until the members of the
# cluster change, the next upgrade, or an operator drops it. Going back is a change of the cluster
# as any other: its basis is that checkpoint, its topology is the one of then. What the newer
# version has made since is made again by the version before, in another line of the output.

from collections.abc import Collection, Iterator

import attrs

from wallarood.model.change import ORDERED_BACK, WAY_BACK
from wallarood.model.checkpoint import BEFORE_UPGRADE
from wallarood.model.cluster_record import ClusterRecord, WayBack
from wallarood.model.errors import RefusedError
from wallarood.model.pipeline import Application
from wallarood.model.topology import Topology
from wallarood.planning.listings import Listings
from wallarood.planning.upgrade import lines_of

ORDERED = "upgrade --back"
"""What a checkpoint is kept as where the order came before the version."""


@attrs.frozen
class GoBack:
    """How a cluster comes to the version before, which runs here."""

    way: WayBack
    ordered: bool
    """Whether an operator has said so."""

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """That of the version before."""
        return self.way.fingerprint

    @property
    def digest(self) -> str:
        """What `Member.version` is."""
        return ORDERED_BACK if self.ordered else WAY_BACK

    def former(self, _: tuple[str, ...]) -> dict[str, str]:
        """All goes on under the name that it had."""
        return {step: step for stage in self.way.topology.stages for step in stage.steps}

    def __call__(self, record: ClusterRecord, _: Listings) -> Topology:
        """The topology of the next epoch: that of then."""
        return attrs.evolve(self.way.topology, epoch=record.topology.epoch + 1)


def way_back(
    record: ClusterRecord, fingerprint: tuple[str, ...], kept: Collection[str]
) -> GoBack | None:
    """How the cluster goes back to the version of *fingerprint*; None: that was not before.

    *kept* are the names of the checkpoints that are kept here. Raises RefusedError: it is the
    version before, and its last checkpoint is not among them.
    """
    way = record.back
    if way is None or way.fingerprint != fingerprint:
        return None
    if BEFORE_UPGRADE not in kept:
        raise RefusedError(
            f"this is the version before the upgrade, and its last checkpoint {way.basis} is not "
            "kept here any more: start the newer version again; wallarooctl upgrade has the "
            "cluster go on from what that has"
        )
    return GoBack(way, ORDERED in kept)


def lost_by(record: ClusterRecord, way: WayBack, application: Application) -> Iterator[str]:
    """What only the version that the cluster runs has, and is lost on the way back; each in words.

    Where *application*, which runs here, is another one, nobody knows what was only renamed.
    """
    runs_here = application.fingerprint == record.fingerprint
    names = {name for name, _ in application.was} if runs_here else set[str]()
    before = {(line.word, line.name) for line in lines_of(way.fingerprint)}
    unless = "" if runs_here else ", unless it was only renamed"
    lost = {
        "computation": f"the state of computation {{!r}}{unless}",
        "source": f"what source {{!r}} has taken in and cannot read again{unless}",
    }
    for line in lines_of(record.fingerprint):
        new = (line.word, line.name) not in before and line.name not in names
        if new and line.word in lost:
            yield lost[line.word].format(line.name)
