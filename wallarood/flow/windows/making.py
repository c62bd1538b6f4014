"""Who makes the operators of windows, and what they keep."""

from wallarood.flow.state.buckets import BucketState
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.state import State
from wallarood.flow.steps.operators import Operator
from wallarood.flow.steps.timed import Making
from wallarood.flow.windows.aligned import AlignedWindows
from wallarood.flow.windows.counted import Counted, CountWindows
from wallarood.flow.windows.rolling import Line, RollingWindows
from wallarood.flow.windows.session import Sessions
from wallarood.model.pipeline import Step
from wallarood.model.timing.windows import WindowKind, WindowSpec


def windowing(making: Making) -> Operator:
    """The operator of a step with windows."""
    spec: WindowSpec = making.computation.spec
    match spec.windows.kind:
        case WindowKind.SESSION:
            return Sessions(making)
        case WindowKind.ROLLING:
            return RollingWindows(making)
        case WindowKind.COUNT:
            return CountWindows(making)
        case _:
            return AlignedWindows(making)


def state_of_windows(step: Step) -> State:
    """What a step with windows keeps."""
    assert step.computation is not None
    spec: WindowSpec = step.computation.spec
    match spec.windows.kind:
        case WindowKind.SESSION:
            return KeyedState(step.name, list)
        case WindowKind.ROLLING:
            return KeyedState(step.name, Line)
        case WindowKind.COUNT:
            return KeyedState(step.name, Counted)
        case _:
            return BucketState(step.name)
