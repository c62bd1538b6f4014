"""The fingerprint of an application: what all workers of a cluster must agree on.

One line for each fact, readable, the same in every process: names, kinds, wiring, types of records
and keys, partition counts. Neither code nor arguments are in it.
"""

from wallarood.app.hints import show
from wallarood.model.pipeline import Step, StepKind


def fingerprint(name: str, steps: tuple[Step, ...]) -> tuple[str, ...]:
    """The lines for the application *name* of *steps*."""
    return (f"application {name}", *(_line(step) for step in steps))


def _line(step: Step) -> str:
    facts = [f"{step.kind.value} {step.name}: carries {show(step.record)}"]
    if step.inputs:
        facts.append("from " + ", ".join(f"{each.step}[{each.output}]" for each in step.inputs))
    if step.key is not None:
        facts.append(f"keyed by {show(step.key)}")
    if step.kind is StepKind.PARTITIONED:
        facts.append(f"{step.partitions} partitions")
    if step.computation is not None and step.computation.aggregations:
        kinds = (each.kind.value for each in step.computation.aggregations)
        facts.append(f"aggregates {', '.join(kinds)}")
    if step.connector is not None:
        facts.append(type(step.connector).__name__)
    return "; ".join(facts)
