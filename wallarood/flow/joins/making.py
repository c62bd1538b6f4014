"""Which operator a join has, and what it keeps."""

from wallarood.flow.joins.asof import AsOfJoin
from wallarood.flow.joins.rows import Row
from wallarood.flow.joins.tables import Enrich
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.operators import Operator
from wallarood.flow.steps.timed import Making
from wallarood.model.pipeline import Step
from wallarood.model.timing.joins import EnrichSpec


def enriching(making: Making) -> Operator:
    """The operator of the join with a table, as it is now or as it was."""
    spec: EnrichSpec = making.computation.spec
    return AsOfJoin(making) if spec.at_event else Enrich(making)


def rows_of(step: Step) -> KeyedState:
    """A row with two sides for each key."""
    return KeyedState(step.name, Row)


def state_of_table(step: Step) -> KeyedState:
    """The rows of a table, or of the join with it as it was."""
    assert step.computation is not None
    return rows_of(step) if step.computation.spec.at_event else KeyedState(step.name, tuple)
