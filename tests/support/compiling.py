"""Stages compiled with new state, for tests of what they do to records."""

from wallarood.flow.compile import Segment, compile_stage, make_states
from wallarood.model.pipeline import Application
from wallarood.model.topology import Stage


def compiled(application: Application, stage: Stage) -> tuple[Segment, ...]:
    """The segments of *stage*, working on state of their own."""
    return compile_stage(application, stage, make_states(application, stage))
