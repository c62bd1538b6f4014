"""What one worker finds to read: the partitions of every source of an application."""

from wallarood.model.errors import ApplicationError, WallaroodError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Listing
from wallarood.model.pipeline import Application, Step, StepKind

Listings = tuple[tuple[WorkerName, tuple[Listing, ...]], ...]

PROPOSAL_BYTES_MAX = 15 << 20
"""What partitions may take of the message in which a cluster is proposed to its workers."""
_LISTED_BYTES, _PLACED_BYTES = 4, 48
"""What a partition takes beside its name, where it is listed and where it is placed."""


def check_size(listings: Listings) -> None:
    """Raises ApplicationError: there are more partitions than a topology can have."""
    listed = [(each, len(worker)) for worker, mine in listings for each in mine]
    sizes = {
        (each.source, name): len(name.encode("utf-8", "surrogateescape"))
        for each, _ in listed
        for name in each.partitions
    }
    name_bytes = max((worker for _, worker in listed), default=0)
    total = sum(sizes.values()) + len(sizes) * (_PLACED_BYTES + name_bytes)
    total += sum(
        sizes[each.source, name] + _LISTED_BYTES for each, _ in listed for name in each.partitions
    )
    if total <= PROPOSAL_BYTES_MAX:
        return
    largest = max((each for each, _ in listed), key=lambda each: len(each.partitions))
    fitting = len(sizes) * PROPOSAL_BYTES_MAX // total
    raise ApplicationError(
        f"source {largest.source!r} has {len(largest.partitions):,} partitions (a file is one): "
        f"{fitting:,} of such names are about the most that {len(listings)} workers can agree on, "
        "for all sources together; join them to fewer, larger ones, or read them by several "
        "clusters"
    )


def list_partitions(application: Application) -> tuple[Listing, ...]:
    """A listing for each source. Raises ApplicationError: it cannot be listed."""
    sources = [step for step in application.steps if step.kind is StepKind.SOURCE]
    return tuple(Listing(step.name, _partitions(step)) for step in sources)


def _partitions(source: Step) -> tuple[str, ...]:
    if source.is_watched:
        return ()
    try:
        return tuple(source.connector.partitions())
    except WallaroodError:
        raise
    except BaseException as error:  # of an application's own source: it may raise anything
        raise ApplicationError(
            f"source {source.name!r}: its partitions cannot be listed: "
            f"{type(error).__name__}: {error}"
        ) from error
