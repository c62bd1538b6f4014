"""Figures go to other workers and come back the same."""

from wallarood.admin.figures.values import DeliveryStatus, HostStatus, HotKey, RunStatus, StateSize
from wallarood.wire.strict import structure, unstructure


def test_what_is_unknown_stays_unknown_on_the_way() -> None:
    for value in (
        HostStatus(cpu=0.5, certificate_ends=None),
        HostStatus(certificate_ends=1.5, disk_bytes=3),
        RunStatus(3, 1.0, "running"),
        RunStatus(3, 1.0, "committed", 0.1, 0.2, 0.3, 0.4, 5),
        StateSize("count", 1, 2, 3, 4.0),
        HotKey("'a'", 0.5),
        DeliveryStatus((0.1, 1.0), (1, 2, 3), 4.0),
    ):
        assert structure(unstructure(value), type(value)) == value
