"""Stages compiled with new state, for tests of what they do to records."""

import wallarood as w
from wallarood.flow.compile import Segment, compile_stage, make_states
from wallarood.model.pipeline import Application
from wallarood.model.topology import Stage
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan


def compiled(application: Application, stage: Stage) -> tuple[Segment, ...]:
    """The segments of *stage*, working on state of their own."""
    return compile_stage(application, stage, make_states(application, stage))


def first_of(end: w.End) -> tuple[Application, Stage]:
    """An application with this *end*, and its first stage."""
    application = w.application("a", end)
    topology = plan(application, ("alpha",), (("alpha", list_partitions(application)),))
    return application, topology.stages[0]
