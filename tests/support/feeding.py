"""Clients that send numbers to the workers of a cluster, each to one as long as that is there."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import attrs

from support.rests import BY_REST, RESTS, SEEN, counted
from wallarood.client import SourceClient
from wallarood.model.errors import PeersGoneError

AT_ONCE = 10
PAUSE_S = 0.01
TCP = 'w.TcpSource(f"127.0.0.1:{args[0]}", record=int, scope="local")'
HTTP = 'w.HttpSource(f"127.0.0.1:{args[0]}", record=int, scope="local", body="lines")'


def listening(source: str = TCP) -> str:
    """An application that counts the numbers that come to *source*, by their rest."""
    return f"""{SEEN}def app(args: list[str]) -> w.Application:
    numbers = w.source("numbers", {source})
    keyed = numbers.{BY_REST}
    return w.application("listening", keyed.to(seen).to_sink(w.FileSink("out")))
"""


Send = Callable[["Feed", int], None]


def send_by_tcp(feed: "Feed", port: int) -> None:
    """Send what has not arrived, until the feed ends or moves on."""
    try:
        with SourceClient(f"127.0.0.1:{port}", feed.name, timeout_s=1) as client:
            sent = client.next_sequence - 1
            assert sent >= feed.place, f"{feed.place} had arrived, now {sent}"
            while not feed.turns.is_set():
                for number in feed.numbers[sent : sent + AT_ONCE]:
                    client.send(b"%d" % number)
                sent += AT_ONCE
                client.flush()
                feed.place = sent
                feed.turns.wait(PAUSE_S)
            feed.arrived = sent
    except PeersGoneError:
        feed.arrived = -1  # it pauses, was killed, or is gone


def send_by_http(feed: "Feed", port: int) -> None:
    """Send by requests, of which each has a name: one without an answer is sent again."""
    try:
        with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            while feed.arrived < 0 or not feed.turns.is_set():
                place = feed.place
                feed.arrived = -1
                name = {"Idempotency-Key": f"{feed.name}-{place}"}
                numbers = feed.numbers[place : place + AT_ONCE]
                connection.request("POST", "/", "\n".join(map(str, numbers)).encode(), name)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    feed.place = feed.arrived = place + AT_ONCE
                feed.turns.wait(PAUSE_S)
    except (OSError, HTTPException):
        feed.turns.wait(PAUSE_S)


@attrs.define(eq=False)
class Feed:
    """A client called *name* that sends *numbers* to the first of *ports*, then to the next."""

    name: str
    numbers: Sequence[int]
    ports: list[int]
    send: Send = send_by_tcp
    arrived: int = -1
    """How many of the numbers are acknowledged; -1: it is not known."""
    place: int = 0
    """How many are known to be acknowledged, also while it is not known whether more are."""
    turns: threading.Event = attrs.field(factory=threading.Event)
    """It is to end, or to move on."""
    _ends: bool = False
    _failure: BaseException | None = None
    _thread: threading.Thread = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def move_on(self) -> None:
        """The worker is gone: connect to the next, and ask how much has arrived."""
        self.ports.pop(0)
        self.turns.set()

    def end(self) -> None:
        """Wait until all that was sent is acknowledged."""
        self._ends = True
        self.turns.set()
        self._thread.join(120)
        assert not self._thread.is_alive(), f"{self.name} hangs"
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._ends or self.arrived < 0:
                self.turns.clear()
                if self._ends:
                    self.turns.set()
                self.send(self, self.ports[0])
        except BaseException as error:
            self._failure = error


def expected(feeds: Sequence[Feed]) -> Counter[int]:
    """How many numbers of each rest have arrived."""
    return Counter(n % RESTS for feed in feeds for n in feed.numbers[: feed.arrived])


def check_fed(directory: Path, feeds: Sequence[Feed]) -> None:
    """Each number that has arrived was counted once: 1, 2, 3, … of each rest."""
    found = {rest: list(range(1, count + 1)) for rest, count in expected(feeds).items()}
    assert counted(directory) == found


def check_states(directory: Path, feeds: Sequence[Feed]) -> None:
    """The same, where some output is lost: no count came twice, and the last ones are right."""
    found = counted(directory)
    assert {rest: counts[-1] for rest, counts in found.items()} == expected(feeds)
    for counts in found.values():
        assert len(set(counts)) == len(counts), "a count came twice"
