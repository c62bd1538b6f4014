"""The version before an upgrade is known by its fingerprint, and goes on from its checkpoint."""

import attrs
import pytest
from support.nodes import changed, record

import wallarood as w
from wallarood.control.change.decided import adopted
from wallarood.model.change import ORDERED_BACK, WAY_BACK
from wallarood.model.checkpoint import BEFORE_UPGRADE
from wallarood.model.cluster_record import ClusterRecord, WayBack
from wallarood.model.errors import RefusedError
from wallarood.model.pipeline import Application
from wallarood.planning.back import ORDERED, lost_by, way_back


def version(*names: str, source: str = "words", was: dict[str, str] | None = None) -> Application:
    stream = w.source(source, w.ListSource(["a"], record=str)).key_by(str, name="by-word")
    pipelines = [
        stream.aggregate(w.count(), name=name).to_sink(w.ListSink([]), name=f"{name}-out")
        for name in names
    ]
    return w.application("app", *pipelines, was=was or {})


OLD = version("many", "all")
NEW = version("lots", "all", "new", source="texts", was={"lots": "many"})


def upgraded() -> ClusterRecord:
    before = attrs.evolve(record("alpha", "alpha"), fingerprint=OLD.fingerprint)
    return adopted(before, attrs.evolve(changed(before, "alpha"), fingerprint=NEW.fingerprint))


def test_it_waits_for_an_order_that_may_have_come_before_it() -> None:
    back = way_back(upgraded(), OLD.fingerprint, [BEFORE_UPGRADE])
    assert back is not None
    assert (back.digest, back.ordered, back.fingerprint) == (WAY_BACK, False, OLD.fingerprint)
    assert back(upgraded(), ()).epoch == 3
    ordered = way_back(upgraded(), OLD.fingerprint, [BEFORE_UPGRADE, ORDERED])
    assert ordered is not None
    assert ordered.digest == ORDERED_BACK


def test_another_version_was_not_before() -> None:
    assert way_back(upgraded(), version("many").fingerprint, [BEFORE_UPGRADE]) is None
    assert way_back(record("alpha", "alpha"), OLD.fingerprint, [BEFORE_UPGRADE]) is None


def test_without_its_last_checkpoint_it_cannot_go_on() -> None:
    with pytest.raises(RefusedError, match="start the newer version again"):
        way_back(upgraded(), OLD.fingerprint, ["nightly"])


def test_what_only_the_newer_version_has_is_lost() -> None:
    known = upgraded()
    assert isinstance(known.back, WayBack)
    assert list(lost_by(known, known.back, NEW)) == [
        "what source 'texts' has taken in and cannot read again",
        "the state of computation 'new'",
    ]
    assert "the state of computation 'lots', unless it was only renamed" in lost_by(
        known, known.back, OLD
    )
