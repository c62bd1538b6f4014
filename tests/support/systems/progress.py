"""A long run tells what it has shown so far; it can be asked to stop, and is checked then, too."""

import os
import signal
import threading
import time
from collections.abc import Callable

import attrs


def _nobody(_: str) -> None:
    pass


@attrs.define(eq=False)
class Progress:
    """Tells a line every `every_s` seconds."""

    say: Callable[[str], None] = _nobody
    every_s: float = 30.0
    began: float = attrs.field(factory=time.monotonic)
    stop: threading.Event = attrs.field(factory=threading.Event)
    """Set once the run is to come to its end."""
    _told: float = attrs.field(factory=time.monotonic)

    def tell(self, what: Callable[[], str]) -> None:
        """Tell *what* there is, if it is time: it is asked for only then."""
        if time.monotonic() >= self._told + self.every_s:
            self.tell_now(what())
            self._told = time.monotonic()

    def tell_now(self, what: str) -> None:
        """Tell *what* there is, with the time and the load of the machine."""
        self.say(f"{time.monotonic() - self.began:.0f} s, load {os.getloadavg()[0]:.0f}: {what}")

    def stop_on_signals(self) -> None:
        """Stop in an orderly way on SIGINT and SIGTERM; by KeyboardInterrupt on a second one."""

        def asked(number: int, _frame: object) -> None:
            self.stop.set()
            signal.signal(number, signal.default_int_handler)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, asked)
