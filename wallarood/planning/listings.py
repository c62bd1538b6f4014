"""What one worker finds to read: the partitions of every source of an application."""

from wallarood.model.messages import Listing
from wallarood.model.pipeline import Application, StepKind


def list_partitions(application: Application) -> tuple[Listing, ...]:
    """A listing for each source. Raises ApplicationError: it cannot be listed."""
    return tuple(
        Listing(step.name, tuple(step.connector.partitions()))
        for step in application.steps
        if step.kind is StepKind.SOURCE
    )
