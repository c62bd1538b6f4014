"""What a cluster node is configured with, and the classes that it is made of."""

from typing import TYPE_CHECKING

import attrs

from wallarood.control.formation.initializer import Initializer
from wallarood.control.formation.joiner import Joiner
from wallarood.control.membership.membership import Membership
from wallarood.control.rounds.checkpoint_leader import (
    IN_VAIN_MAX,
    UNPUBLISHED_MAX,
    CheckpointLeader,
)
from wallarood.control.rounds.checkpoint_member import CheckpointMember
from wallarood.control.rounds.completion import Completion
from wallarood.control.rounds.recovery_leader import RecoveryLeader
from wallarood.control.rounds.recovery_member import RecoveryMember

if TYPE_CHECKING:  # these are imported when a cluster first comes to need them
    from wallarood.control.change.evictor import Evictor
    from wallarood.control.change.newcomer import Newcomer
    from wallarood.control.change.participant import Participant
    from wallarood.control.change.proposing.changer import Changer
    from wallarood.control.replicas.holder import Holder
    from wallarood.control.replicas.replicator import Replicator


@attrs.frozen
class Timing:
    """Deadlines and intervals in seconds."""

    heartbeat_s: float = 1.0
    liveness_deadline_s: float = 5.0
    name_taken_wait_s: float = 2.0
    completion_wait_s: float = 60.0
    checkpoint_interval_s: float = 5.0
    checkpoint_deadline_s: float = 30.0
    change_wait_s: float = 60.0
    seek_s: float = 5.0
    evict_after_s: float | None = None
    """None: nobody is evicted but by an operator."""


@attrs.frozen
class NodeSettings:
    """What the decisions of the cluster depend on, besides what happens.

    `in_vain_max` checkpoints in a row may be abandoned, and `unpublished_max` transactions of a
    sink may wait, before sources pause. Each part is copied to the disks of `replicas` others.
    """

    timing: Timing = Timing()
    exit_on_completion: bool = False
    in_vain_max: int = IN_VAIN_MAX
    unpublished_max: int = UNPUBLISHED_MAX
    replicas: int = 0


@attrs.frozen
class MachineClasses:
    """What the machines of a node are made of; the simulation plants bugs by other classes.

    None: the one there is, imported when a cluster first comes to need it.
    """

    initializer: type[Initializer] = Initializer
    joiner: type[Joiner] = Joiner
    membership: type[Membership] = Membership
    recovery_leader: type[RecoveryLeader] = RecoveryLeader
    recovery_member: type[RecoveryMember] = RecoveryMember
    checkpoint_leader: type[CheckpointLeader] = CheckpointLeader
    checkpoint_member: type[CheckpointMember] = CheckpointMember
    completion: type[Completion] = Completion
    newcomer: "type[Newcomer] | None" = None
    changer: "type[Changer] | None" = None
    participant: "type[Participant] | None" = None
    replicator: "type[Replicator] | None" = None
    holder: "type[Holder] | None" = None
    evictor: "type[Evictor] | None" = None
