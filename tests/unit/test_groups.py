"""Tests that share a cluster, a broker or a lab run in one process, whatever xdist hands out."""

import copy
from types import SimpleNamespace

import pytest
from xdist.remote import WorkerInteractor


@pytest.mark.xdist_group("shared")
def test_xdist_finds_the_group_of_a_test(request: pytest.FixtureRequest) -> None:
    """It writes the group into the id, which must be what pytest reads then."""
    item = copy.copy(request.node)
    grouping = SimpleNamespace(getvalue=lambda _: True)
    WorkerInteractor.pytest_collection_modifyitems(SimpleNamespace(), grouping, [item])
    assert item.nodeid.endswith("@shared")
