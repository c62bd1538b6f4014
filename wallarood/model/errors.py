"""What can go wrong, each with the exit code that tells an operator and systemd what to do."""

from collections.abc import Iterator


class WallaroodError(Exception):
    """A failure with a message for a person. `exit_code` is what the process ends with."""

    exit_code = 70
    of_the_job = False
    """Whether every worker would meet it: then all end. Else only the one that has met it ends, and
    the others wait for it as for any that is away."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UsageError(WallaroodError):
    """A flag, an address or a name is not of the form that is expected."""

    exit_code = 64


class ApplicationError(WallaroodError):
    """The application, or user code in it, is wrong."""

    exit_code = 65
    of_the_job = True


class PositionGoneError(ApplicationError):
    """A source is to continue from a position that its server no longer has."""

    @classmethod
    def of(
        cls, server: str, partition: str, *, position: object, lowest: object
    ) -> "PositionGoneError":
        """Of *partition* of *server*, with what was asked for and the *lowest* that is there."""
        return cls(
            f"{server}: position {position} of {partition} is gone: the lowest that is there is "
            f"{lowest}. What is between them was removed before it was read, as when retention is "
            "too short: put it back; or form a new cluster, which begins at what is there"
        )


class PipelineError(ApplicationError):
    """A pipeline was built wrongly; the message names the line of the application."""


class DamagedStateError(WallaroodError):
    """A file in the state directory is unreadable, damaged or of a newer schema."""

    exit_code = 65


class RecordsRefusedError(DamagedStateError):
    """A server refuses records that are committed, and always will: they are kept, and not sent."""


class PeersGoneError(WallaroodError):
    """No initializer within the deadline, or a peer is gone for good."""

    exit_code = 69


class ServerAwayError(PeersGoneError):
    """A server that a source or sink needs is away: it is tried again, and nothing is lost."""


class CannotCreateError(WallaroodError):
    """A file or directory cannot be created, or an address cannot be bound."""

    exit_code = 73


class StateInUseError(WallaroodError):
    """Another process holds the state directory."""

    exit_code = 75


class RefusedError(WallaroodError):
    """The cluster does not take this worker; the message says why."""

    exit_code = 76


class KeyRefusedError(WallaroodError):
    """The cluster key is missing, unreadable, or not the one of the peer."""

    exit_code = 77


class ConfigurationError(WallaroodError):
    """The configuration is wrong; the message has one line for each problem."""

    exit_code = 78


class NeverTakenError(ConfigurationError):
    """The server of a sink that begins refuses it, and has done nothing else."""


class OutputClosedError(WallaroodError):
    """The reader of standard output has closed it, as ``| head`` does: no message is shown."""

    exit_code = 0


def errors_in(error: BaseException) -> Iterator[BaseException]:
    """*error* itself, or the errors that are in it, however deep nurseries have wrapped them."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from errors_in(inner)
    else:
        yield error


def first_error(error: BaseException) -> BaseException:
    """The first of `errors_in`."""
    return next(errors_in(error))


class LocalProtocolError(Exception):
    """We broke our own protocol: a bug. It crashes the process; the record is on disk."""


class RemoteProtocolError(Exception):
    """A peer sent what it must not. The peer's connection is dropped with one log line."""
