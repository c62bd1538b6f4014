"""Batches of NATS."""

from wallarood.connectors.nats.server import Address
from wallarood.connectors.nats.target import NatsTarget


def test_no_target_names_its_batches_as_another_does() -> None:
    made = [NatsTarget(Address("nats://h"), "S", "m", "w", lambda _: [])._name for _ in range(50)]
    assert len(set(made)) == 50
    assert all(len(name) <= 40 for name in made)
