"""A cluster with which nothing is wrong."""

import pytest
from support.clusters import Made, healthy_cluster


@pytest.fixture
def healthy() -> Made:
    return healthy_cluster()
