"""Whose an exception is: user code's own, or that of what runs it.

User code may raise anything: an Exception, SystemExit by ``sys.exit``, KeyboardInterrupt, a
cancellation of asyncio, a BaseException of its own. Two are not user code's, wherever they are
raised: a cancellation by trio, and an interrupt by a signal.
"""

_INTERRUPTING = "trio._core."
_CANCELLED = ("trio", "Cancelled")


def pass_on(error: BaseException) -> None:
    """Raise *error* again if it is not user code's own but ends what runs here."""
    if is_ours(error):
        raise error


def is_ours(error: BaseException) -> bool:
    """Whether *error* ends what runs here, and is not user code's own."""
    if isinstance(error, Exception):
        return False
    if isinstance(error, BaseExceptionGroup):
        return any(map(is_ours, error.exceptions))
    kind, trace = type(error), error.__traceback__
    if kind is KeyboardInterrupt:
        # Raised by a handler of trio, as Ctrl-C does in a test, or by user code?
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        module = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
        return module.startswith(_INTERRUPTING)
    return (kind.__module__, kind.__qualname__) == _CANCELLED
