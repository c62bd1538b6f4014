"""What a new version of an application takes over from the one that a cluster runs."""
# Theory of operation
# ===================
# State belongs to named computations and positions to named sources, so they survive a rewrite
# around them. What each step is stands in the fingerprint of the running application, a line each;
# the lines of the new one are compared with them, name by name, former names first. A computation
# whose keys, slots or windows have changed cannot take what is stored: its state is to be dropped,
# or it is to get another name. Types of state are not in the lines: whether each stored state can
# be read by its class, `wallarood check --upgrade` finds out by reading it.
#
# The new version can publish only what its own sinks have prepared: a sink that is gone, also where
# another one follows it, is to be dropped. A journal is in a directory that has its source's name.

from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from typing import Final

import attrs
from xxhash import xxh3_64_hexdigest

from wallarood.model.checkpoint import PENDING
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import RefusedError
from wallarood.model.pipeline import Application, StepKind, time_name
from wallarood.model.topology import Stage, StageKind, Topology
from wallarood.planning.change import with_writers
from wallarood.planning.listings import Listings
from wallarood.planning.plan import plan

_STATE = {StepKind.STATEFUL.value, StepKind.PARTITIONED.value}
_SOURCE, _SINK = StepKind.SOURCE.value, StepKind.SINK.value
_CARRIES = ": carries "
_OF_RECORDS = ("from ", "watched")
"""What facts begin with that say nothing of a computation's state."""
_VERSION = "version "
_DROPS = " --drop "
WRITERS: Final = 1024
"""How many numbers of writers there are for each epoch in which a sink may begin."""


class Fate(Enum):
    """What becomes of a step in an upgrade."""

    KEPT = "kept"
    RENAMED = "renamed"
    NEW = "new"
    GONE = "gone"


@attrs.frozen
class Successor:
    """A step of the new version, or one that is gone, and what it takes over.

    `kind` is "computation", "source" or "sink". `was` is the step of the version before that it
    follows, empty if it begins anew. `problem` says in words why it cannot be so.
    """

    kind: str
    name: str
    fate: Fate
    was: str = ""
    problem: str = ""

    def __str__(self) -> str:
        """A line for people."""
        begins = {"computation": "starts empty", "source": "is read from its beginning"}
        match self.fate:
            case _ if self.problem:
                said = self.problem
            case Fate.RENAMED:
                said = f"renamed, it was {self.was!r}"
            case Fate.NEW:
                said = f"new, it {begins.get(self.kind, 'begins a new output')}"
            case Fate.GONE:
                said = "gone, what is kept of it is dropped" if self.kind != "sink" else "gone"
            case Fate.KEPT:
                said = "kept"
        return f"{self.kind} {self.name!r}: {said}"


@attrs.frozen
class Line:
    """What a line of a fingerprint says of a step with something to take over."""

    kind: str
    name: str
    facts: tuple[str, ...]

    @property
    def word(self) -> str:
        """What it is, for people."""
        return "computation" if self.kind in _STATE else self.kind


def successors(
    running: tuple[str, ...], application: Application, *, drop: Collection[str] = ()
) -> tuple[Successor, ...]:
    """What becomes of each computation with state, source and sink of the cluster.

    *running* is the fingerprint of the version that runs. What is named in *drop* is not taken
    over, whatever it is.
    """
    old = {line.name: line for line in lines_of(running)}
    new = list(lines_of(application.fingerprint))
    former = {name: was for name, was in application.was if was in old}
    found, claimed = [], set()
    for line in new:
        was = former.get(line.name, line.name)
        if was in old and (was == line.name and was in former.values()):
            was = ""  # another step was called so
        if line.kind == _SINK and was != line.name:
            was = ""  # its output has the name in it
        if was not in old or was in drop:
            found.append(Successor(line.word, line.name, Fate.NEW))
            continue
        claimed.add(was)
        fate = Fate.KEPT if was == line.name else Fate.RENAMED
        problem = _problem(old[was], line) or _of_journal(application, line, was)
        found.append(Successor(line.word, line.name, fate, was, problem))
    for line in old.values():
        if line.name not in claimed:
            found.append(_gone(line, drop))
    unknown = [name for name in drop if name not in old]
    found += [
        Successor("step", name, Fate.GONE, "", "nothing of that name is kept: there is no drop")
        for name in unknown
    ]
    if running[:1] != application.fingerprint[:1]:
        before, now = running[0], application.fingerprint[0]
        text = f"the cluster runs {before}, and this is {now}: an upgrade keeps the name"
        found.append(Successor("application", application.name, Fate.NEW, "", text))
    return tuple(found)


def taken_over(found: Collection[Successor]) -> dict[str, str]:
    """The former name of each step that goes on, by its present one.

    The time of a source goes with it. A sink goes on by its name alone, which its output has in it.
    """
    names = {each.name: each.was for each in found if each.was}
    times = {
        time_name(each.name): time_name(each.was)
        for each in found
        if each.was and each.kind == _SOURCE
    }
    return names | times


def upgraded(
    application: Application,
    previous: Topology,
    listings: Listings,
    *,
    former: Mapping[str, str],
    epoch: int,
) -> Topology:
    """The topology of *application* in *epoch*, on the workers of the version before.

    What goes on, by *former*, stays where it is: `taken_over` of the two versions. *listings* has
    the partitions of sources that are new.
    """
    planned = plan(
        application, previous.workers, listings, epoch=epoch, previous=previous, former=former
    )
    before = {stage.steps[0]: stage for stage in previous.stages}
    stages = []
    for stage in planned.stages:
        was = before.get(former.get(stage.steps[0], ""))
        stages.append(_begun(stage, epoch) if was is None else with_writers(stage, was))
    return attrs.evolve(planned, stages=tuple(stages), key_hash=previous.key_hash)


def _begun(stage: Stage, epoch: int) -> Stage:
    """The writers of a new sink have numbers that none had: one of its name may have been here."""
    if stage.kind is not StageKind.SINK:
        return stage
    first = epoch * WRITERS
    given = first + len(stage.workers)
    return attrs.evolve(stage, writers=tuple(range(first, given)), writers_given=given)


@attrs.frozen
class NewVersion:
    """How a cluster comes to *application*; what is named in *drop* is not taken over."""

    application: Application
    drop: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """That of the new version."""
        return self.application.fingerprint

    @property
    def digest(self) -> str:
        """What tells this version from others; workers that go there together have the same."""
        return xxh3_64_hexdigest("\n".join((*self.fingerprint, "", *self.drop)).encode())

    def former(self, running: tuple[str, ...]) -> dict[str, str]:
        """What is taken over, see `taken_over`; *running* is the fingerprint of what runs.

        Raises RefusedError: something of it cannot be; all reasons together.
        """
        found = successors(running, self.application, drop=self.drop)
        problems = [str(each) for each in found if each.problem]
        if problems:
            raise RefusedError("\n".join(("this version cannot go on from what runs:", *problems)))
        return taken_over(found)

    def __call__(self, record: ClusterRecord, listings: Listings) -> Topology:
        """The topology of the epoch after that of *record*. Raises RefusedError, as `former`."""
        former = self.former(record.fingerprint)
        epoch = record.topology.epoch + 1
        return upgraded(self.application, record.topology, listings, former=former, epoch=epoch)


def kept_as(drop: Collection[str]) -> str:
    """The name of the kept checkpoint by which a cluster waits for a new version."""
    return "".join((PENDING, *(f"{_DROPS}{name}" for name in drop)))


def pending(kept: Collection[str]) -> tuple[str, ...] | None:
    """What the upgrade drops that is waited for; None: none is, by the names of what is kept."""
    for name in kept:
        first, *drop = name.split(_DROPS)
        if first == PENDING:
            return tuple(drop)
    return None


def lines_of(fingerprint: tuple[str, ...]) -> Iterator[Line]:
    """What it says of computations with state, sources and sinks."""
    for line in fingerprint:
        head, carries, rest = line.partition(_CARRIES)
        kind, _, name = head.partition(" ")
        if carries and kind in (*_STATE, _SOURCE, _SINK):
            facts = rest.split("; ")[1:]
            yield Line(
                kind, name, tuple(fact for fact in facts if not fact.startswith(_OF_RECORDS))
            )


def _gone(line: Line, drop: Collection[str]) -> Successor:
    problem = ""
    if line.name not in drop and line.kind == _SINK:
        problem = (
            "it is no sink of the new version, which cannot publish what this one has prepared: "
            f"say --drop {line.name!r}, and stop each worker in order, so that nothing is left"
        )
    elif line.name not in drop:
        what = "state" if line.kind in _STATE else "positions"
        problem = (
            f"it is no {line.word} of the new version: say --drop {line.name!r} if its {what} may "
            f"go, or was={{…: {line.name!r}}} in w.application(…) if it has another name now"
        )
    return Successor(line.word, line.name, Fate.GONE, "", problem)


def _problem(old: Line, new: Line) -> str:
    """Why *new* cannot take over what *old* has; empty if it can."""
    drop = f"drop it (--drop {old.name!r}), or give it another name"
    if old.kind != new.kind:
        return f"it was a {old.kind} step and is a {new.kind} step now: {drop}"
    before, now = (_without_version(line.facts) for line in (old, new))
    if new.kind == _SINK:
        before, now = before[-1:], now[-1:]  # its kind
    if before != now:
        gone = ", ".join(fact for fact in before if fact not in now) or "nothing"
        come = ", ".join(fact for fact in now if fact not in before) or "nothing"
        return f"it had {gone} and has {come} now, which what is stored does not fit: {drop}"
    if _version(new.facts) < _version(old.facts):
        return (
            f"its state is of version {_version(old.facts)}, and this is version "
            f"{_version(new.facts)}: start the newer application"
        )
    return ""


def _of_journal(application: Application, line: Line, was: str) -> str:
    """Why a source cannot have another name; empty if it can."""
    if line.kind != _SOURCE or was == line.name:
        return ""
    connector = application.step(line.name).connector
    asked = getattr(connector, "stays", None)
    if asked is None or not any(map(asked, connector.partitions())):
        return ""
    return (
        f"it was {was!r}, and its journal is kept by that name: call it so, or drop what is in it "
        f"(--drop {was!r})"
    )


def _without_version(facts: tuple[str, ...]) -> list[str]:
    return [fact for fact in facts if not fact.startswith(_VERSION)]


def _version(facts: tuple[str, ...]) -> int:
    found = [fact.removeprefix(_VERSION) for fact in facts if fact.startswith(_VERSION)]
    return int(found[0]) if found else 1
