"""HTTP: words come in requests until they are answered; a receiver takes each count once."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import attrs

from support.ports import free_port
from support.receiver import Receiver
from support.systems.system import PARTS, Counts
from support.systems.tcp import BREAKS, counts_in

ANSWER_S = 10.0
PATIENT_S = 300.0
AGAIN_S = 0.2
LATER = 408, 409, 503
"""A request is to be sent again: it came too slowly, is under way still, or the journal is full."""


@attrs.define(eq=False)
class Pushed:
    """See `Fed`. A request has a name: one that had no answer is sent again under the same."""

    directory: Path
    parts: int = PARTS
    port: int = attrs.field(factory=free_port)
    receiver: Receiver = attrs.field(factory=partial(Receiver, breaks=BREAKS), init=False)
    requests: int = 0
    again: int = 0
    """How often one was sent again."""

    @property
    def source(self) -> str:
        """See `Fed`."""
        return f'w.HttpSource("127.0.0.1:{self.port}", format="text", body="lines")'

    def sink(self, options: str = "") -> str:
        """See `Fed`."""
        return f'w.TcpSink("127.0.0.1:{self.receiver.port}", format="tsv", {options})'

    def begin(self) -> None:
        """See `Fed`."""
        self.receiver.__enter__()

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `Fed`: returns when all is answered."""
        for part, given in words.items():
            self.requests += 1
            name = {"Idempotency-Key": f"till-{part}-{self.requests}"}
            until = time.monotonic() + PATIENT_S
            while not self._took("\n".join(given).encode(), name):
                assert time.monotonic() < until, f"no answer within {PATIENT_S:.0f} s"
                self.again += 1
                time.sleep(AGAIN_S)

    def _took(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the answer to a request is that it is taken; False if there is none."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException):
            connection.request("POST", "/", body, dict(headers))
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status in (200, *LATER), f"{answer.status}: {said!r}"
            return answer.status == 200
        return False

    def counts(self) -> Counts:
        """See `Fed`."""
        return counts_in(self.receiver)

    def end(self) -> None:
        """See `Fed`."""
        self.receiver.__exit__(None, None, None)

    @property
    def told(self) -> str:
        """See `System`."""
        return (
            f"{self.requests:,} requests, sent again {self.again:,} times; "
            f"{self.receiver.repeats:,} records came to the receiver again"
        )
