"""The tables of who makes what, filled."""
# Each kind of operator has a line here. The tables themselves are in `wallarood.flow.steps.timed`,
# which knows none of the modules that make operators.

from wallarood.flow.joins import making as joins
from wallarood.flow.joins.asof import AsOfJoin
from wallarood.flow.joins.interval import IntervalJoin
from wallarood.flow.steps.stamp import Stamper, time_of
from wallarood.flow.steps.timed import OPERATORS, STATES
from wallarood.flow.timed.computation import TimedComputation
from wallarood.flow.timed.distinct import Distinct, times_of_keys
from wallarood.flow.timed.rows import rows_of
from wallarood.flow.windows.making import state_of_windows, windowing
from wallarood.model.pipeline import Shape

__all__ = ["OPERATORS", "STATES"]

OPERATORS |= {
    Shape.STAMP: Stamper,
    Shape.TIMED: TimedComputation,
    Shape.DISTINCT: Distinct,
    Shape.JOIN: IntervalJoin,
    Shape.JOIN_ASOF: AsOfJoin,
    Shape.ENRICH: joins.enriching,
    Shape.WINDOW: windowing,
}
STATES |= {
    Shape.STAMP: time_of,
    Shape.TIMED: rows_of,
    Shape.DISTINCT: times_of_keys,
    Shape.JOIN: joins.rows_of,
    Shape.JOIN_ASOF: joins.rows_of,
    Shape.ENRICH: joins.state_of_table,
    Shape.WINDOW: state_of_windows,
}
