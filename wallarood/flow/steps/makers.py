"""The tables of who makes what, filled."""
# Each kind of operator has a line here. The tables themselves are in `wallarood.flow.steps.timed`,
# which knows none of the modules that make operators.

from wallarood.flow.steps.timed import OPERATORS, STATES

__all__ = ["OPERATORS", "STATES"]
