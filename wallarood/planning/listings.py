"""What one worker finds to read: the partitions of every source of an application."""

from wallarood.model.errors import ApplicationError, WallaroodError
from wallarood.model.messages import Listing
from wallarood.model.pipeline import Application, Step, StepKind


def list_partitions(application: Application) -> tuple[Listing, ...]:
    """A listing for each source. Raises ApplicationError: it cannot be listed."""
    sources = [step for step in application.steps if step.kind is StepKind.SOURCE]
    return tuple(Listing(step.name, _partitions(step)) for step in sources)


def _partitions(source: Step) -> tuple[str, ...]:
    try:
        return tuple(source.connector.partitions())
    except WallaroodError:
        raise
    except BaseException as error:  # of an application's own source: it may raise anything
        raise ApplicationError(
            f"source {source.name!r}: its partitions cannot be listed: "
            f"{type(error).__name__}: {error}"
        ) from error
