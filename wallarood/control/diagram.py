"""A machine's table as text, for the manual: what leads from each phase, and where to."""

from collections.abc import Mapping
from enum import Enum


def diagram(transitions: Mapping[tuple[Enum, type], frozenset[Enum]]) -> str:
    """A line for each way out of a phase, in the order of the phases.

    >>> from wallarood.control.rounds.completion import TRANSITIONS
    >>> print(diagram(TRANSITIONS).splitlines()[0])
    running     --JobDrained----->  drained
    """
    phases = list(dict.fromkeys(phase for phase, _ in transitions))
    order = list(type(phases[0]))
    ways = [
        (phase, kind.__name__, sorted(goes - {phase}, key=order.index))
        for phase in order
        for (source, kind), goes in transitions.items()
        if source is phase and goes - {phase}
    ]
    width = max(len(kind) for _, kind, _ in ways) + 1
    name = max(len(phase.value) for phase in order) + 3
    return "\n".join(
        f"{phase.value:<{name}}--{kind:-<{width}}>  {', '.join(each.value for each in goes)}"
        for phase, kind, goes in ways
    )
