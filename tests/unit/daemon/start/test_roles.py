"""Where the leader is looked for: as configured, and as recorded, by turns."""

from pathlib import Path

import attrs
import pytest
from support.lone import Lone, config_of, endless, lone_worker

from wallarood.control.formation.startup import Role
from wallarood.daemon.start.roles import LeaderSought, role_of
from wallarood.model.ids import Address

CONFIGURED = Address("127.0.0.1", 7700)
RECORDED = Address("10.0.0.9", 9)


def test_the_role_is_that_of_the_configuration(tmp_path: Path) -> None:
    for first, role in ((True, Role.INITIALIZER), (False, Role.JOINER)):
        config = config_of(
            tmp_path,
            worker__count=2,
            worker__control_channel=str(CONFIGURED),
            worker__topology_initializer=first,
        )
        assert role_of(config) is role


async def sought(lone: Lone, role: Role) -> list[Address]:
    """Where it looks, three times, once there is a cluster whose leader is elsewhere."""
    await lone.running()
    record = lone.worker.node.record
    assert record is not None
    (member,) = record.members
    moved = attrs.evolve(record, members=(attrs.evolve(member, control=RECORDED),))
    lone.worker.node.record = moved
    seek = LeaderSought(lone.worker, role)
    try:
        return [seek() for _ in range(3)]
    finally:
        lone.worker.node.record = record


async def test_before_there_is_a_cluster_only_the_configured_address_is_known(
    tmp_path: Path,
) -> None:
    values = {"worker__control_channel": str(CONFIGURED)}
    async with lone_worker(tmp_path, endless([]), driven=False, **values) as lone:
        seek = LeaderSought(lone.worker, Role.JOINER)
        assert [seek(), seek()] == [CONFIGURED, CONFIGURED]


@pytest.mark.parametrize(
    ("role", "places"),
    [
        (Role.JOINER, [CONFIGURED, RECORDED, CONFIGURED]),
        (Role.INITIALIZER, [RECORDED, RECORDED, RECORDED]),
    ],
)
async def test_an_initializer_that_does_not_lead_would_find_itself_where_it_is_configured(
    tmp_path: Path, role: Role, places: list[Address]
) -> None:
    values = {"worker__control_channel": str(CONFIGURED)}
    async with lone_worker(tmp_path, endless([]), **values) as lone:
        assert await sought(lone, role) == places
