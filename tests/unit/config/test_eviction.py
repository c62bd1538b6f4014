"""Members are evicted without an operator only where that could be decided, and nothing is lost."""

import pytest

from wallarood.config.load import load_config
from wallarood.model.errors import ConfigurationError


@pytest.mark.parametrize(
    ("count", "replicas", "says"),
    [
        (2, 1, "one of two workers is no majority, so neither may evict the other"),
        (3, 0, "without a copy of its state no member can be evicted"),
    ],
)
def test_who_could_not_be_evicted_is_not_to_be(count: int, replicas: int, says: str) -> None:
    flags = {
        "worker.count": ("f", count),
        "worker.control-channel": ("f", "127.0.0.1:7000"),
        "checkpoint.replicas": ("f", replicas),
        "cluster.evict-after": ("f", "10s"),
    }
    with pytest.raises(ConfigurationError) as caught:
        load_config([], flags)
    (line,) = caught.value.message.splitlines()
    assert line.startswith("flag f: cluster.evict-after: ")
    assert says in line
    flags |= {"worker.count": ("f", 3), "checkpoint.replicas": ("f", 1)}
    assert load_config([], flags)["cluster.evict-after"] == 10
