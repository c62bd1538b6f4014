"""The client of a source: one for all of its partitions that are read on this worker."""
# Theory of operation
# ===================
# librdkafka fetches ahead, in threads of its own, what is assigned, into one queue. `consume`
# without a timeout takes what is there and blocks for nothing, so it is called on the event loop,
# by whichever reader has nothing left; what it takes of other partitions is kept for their readers.
# Only when there is nothing a thread waits, for one message, on behalf of all: a read that is
# cancelled loses none.
#
# A reader that does not take what is kept for it must neither hold up the others nor let memory
# grow: a partition of which much is kept is taken out of the assignment, and put back, at the
# offset after the last one kept, when its reader has taken that. What still comes of an older
# assignment has lower offsets than those expected, and is dropped.
#
# What librdkafka has assigned and what is noted here must not differ, else a partition is never
# fetched again, or messages of one come to another. So changes are made one at a time, are not cut
# off by a cancelled read, and a partition is forgotten when it is sure that no more of it comes.
#
# To end a client is to wait for its threads, so that is done in a thread, also where it failed.

import contextlib
from typing import Any

import attrs
import trio

from wallarood.connectors.kafka.broker import Broker, Trouble, kafka
from wallarood.connectors.kafka.topics import Partition, Topics
from wallarood.model.errors import PeersGoneError

WAIT_S = 0.2
"""How long a thread waits for a message before it looks whether it is still wanted."""
CHECK_S = 10.0
"""How often a topic is looked at, whether it is still the same."""
KEPT_MAX = 4096
KEPT_BYTES_MAX = 8 << 20
"""With so much kept for its reader, nothing more of a partition is fetched."""


@attrs.define(eq=False)
class Kept:
    """What was fetched of a partition and is not read yet; `expected` is the next offset."""

    partition: Partition
    expected: int
    messages: list[Any] = attrs.field(factory=list)
    size_bytes: int = 0
    is_assigned: bool = True

    @property
    def where(self) -> Any:
        """What librdkafka calls it, and from which offset it is to be read."""
        return kafka().TopicPartition(self.partition.topic, self.partition.number, self.expected)

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be fetched."""
        return len(self.messages) > KEPT_MAX or self.size_bytes > KEPT_BYTES_MAX

    def add(self, messages: list[Any]) -> None:
        """Keep *messages*, which follow each other; those that had come before are dropped."""
        first = next((each for each in messages if each.error() is None), None)
        if first is not None and first.offset() < self.expected:
            messages = [
                each
                for each in messages
                if each.error() is not None or each.offset() >= self.expected
            ]
        lasts = (each.offset() for each in reversed(messages) if each.error() is None)
        self.expected = max(self.expected, next(lasts, -1) + 1)
        self.messages += messages

    def take(self, count: int) -> list[Any]:
        """The first messages."""
        taken, self.messages = self.messages[:count], self.messages[count:]
        self.size_bytes = sum(map(len, self.messages)) if self.messages else 0
        return taken

    def add_of_several(self, messages: list[Any]) -> None:
        """The same where there are other partitions, so that it matters how much is kept."""
        self.add(messages)
        self.size_bytes += sum(map(len, messages))


@attrs.define(eq=False)
class Client:
    """Reads partitions of a broker for all readers of a source.

    `away` says why the server does not answer; empty if it does.
    """

    broker: Broker
    topics: Topics
    consumer: Any
    trouble: Trouble
    away: str = ""
    users: set[Partition] = attrs.field(factory=set)
    _kept: dict[tuple[str, int], Kept] = attrs.field(factory=dict, init=False)
    _assigning: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _waiting: trio.Event | None = attrs.field(default=None, init=False)
    _failure: BaseException | None = attrs.field(default=None, init=False)
    _looked: dict[str, float] = attrs.field(factory=dict, init=False)
    _closing: bool = attrs.field(default=False, init=False)

    @classmethod
    def of(cls, broker: Broker) -> "Client":
        """A new one. Blocks."""
        trouble = Trouble()
        consumer = broker.consumer(trouble, auto_offset_reset="error")
        return cls(broker, Topics(broker), consumer, trouble)

    async def assign(self, partition: Partition, offset: int) -> Kept:
        """Read *partition* from *offset* on."""
        kept = Kept(partition, offset)
        place = partition.topic, partition.number
        with trio.CancelScope(shield=True):
            async with self._assigning:
                self._kept[place] = kept
                try:
                    await trio.to_thread.run_sync(self.consumer.incremental_assign, [kept.where])
                except BaseException:
                    del self._kept[place]
                    raise
        return kept

    async def unassign(self, kept: Kept) -> None:
        """Read it no more: when this returns, nothing of it is under way to anybody."""
        with trio.CancelScope(shield=True):
            async with self._assigning:
                if kept.is_assigned:
                    await self._fetch_no_more(kept)
            if self._waiting is not None:
                await self._waiting.wait()
            del self._kept[kept.partition.topic, kept.partition.number]

    async def messages(self, kept: Kept, count: int) -> list[Any]:
        """The next messages of a partition, at most *count*; none if it has waited in vain."""
        if len(kept.messages) < count:
            self._take(count)
        if not kept.messages:
            await self._wait()
            self._take(count)
        taken = kept.take(count)
        if not kept.is_assigned and not kept.messages:
            await self._assign_again(kept)
        elif len(self._kept) > 1:
            await self._park()
        return taken

    def _take(self, count: int) -> None:
        """Take what is there, unless a thread is about to take some, which comes before it."""
        if self._waiting is None:
            self._hand_out(self.consumer.consume(count, 0))

    async def _wait(self) -> None:
        """Wait for a message, or a short time, in a thread that may outlive a cancelled read."""
        if self._waiting is not None:
            await self._waiting.wait()
            return
        arrived = self._waiting = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def wait() -> Any:
            return None if self._closing else self.consumer.poll(WAIT_S)

        def deliver(came: Any) -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(done, came)

        def done(came: Any) -> None:
            self._waiting = None
            arrived.set()
            try:
                message = came.unwrap()
            except Exception as error:
                self._failure = error
                return
            if message is not None:
                self._hand_out([message])

        # Not by to_thread, which a read that is cancelled may leave before the thread has begun
        trio.lowlevel.start_thread_soon(wait, deliver)
        await arrived.wait()
        if self._failure is not None:
            raise self._failure

    def _hand_out(self, messages: list[Any]) -> None:
        """Keep what has come for those who read it."""
        if not messages:
            return
        if len(self._kept) == 1:
            (only,) = self._kept.values()
            numbers = list(map(kafka().Message.partition, messages))
            if numbers.count(only.partition.number) == len(numbers):
                only.add(messages)
                return
        runs: dict[tuple[str, int], list[Any]] = {}
        for each in messages:
            runs.setdefault((each.topic(), each.partition()), []).append(each)
        for place, run in runs.items():
            if (kept := self._kept.get(place)) is not None:
                kept.add_of_several(run)
            elif place[1] < 0:  # an error of a whole topic, or of all
                for other in self._kept.values():
                    if place[0] in (None, other.partition.topic):
                        other.add_of_several(run)

    async def _park(self) -> None:
        """Fetch no more of partitions whose readers do not take what there is."""
        full = [each for each in self._kept.values() if each.is_assigned and each.is_full]
        if not full:
            return
        with trio.CancelScope(shield=True):
            async with self._assigning:
                for each in full:
                    if each.is_assigned and each.is_full:
                        await self._fetch_no_more(each)

    async def _fetch_no_more(self, kept: Kept) -> None:
        await trio.to_thread.run_sync(self.consumer.incremental_unassign, [kept.where])
        kept.is_assigned = False

    async def _assign_again(self, kept: Kept) -> None:
        with trio.CancelScope(shield=True):
            async with self._assigning:
                if not kept.is_assigned and not kept.messages:
                    await trio.to_thread.run_sync(self.consumer.incremental_assign, [kept.where])
                    kept.is_assigned = True

    async def look(self, partition: Partition, known: str) -> None:
        """Now and then, see whether a topic is still the one that is *known*; else raise.

        Notes in `away` if the server does not answer. Raises as `Topics.check_same`.
        """
        now = trio.current_time()
        if now < self._looked.setdefault(partition.topic, now) + CHECK_S:
            return
        self._looked[partition.topic] = now
        await self.look_now(partition, known)

    async def look_now(self, partition: Partition, known: str) -> None:
        """The same at once."""
        try:
            await trio.to_thread.run_sync(
                self.topics.check_same, partition, known, abandon_on_cancel=True
            )
            self.away = ""
        except PeersGoneError as error:
            self.away = error.message

    async def aclose(self) -> None:
        """End it, when no thread waits for it any more."""
        self._closing = True
        if self._waiting is not None:
            await self._waiting.wait()
        await trio.to_thread.run_sync(self._close)

    def _close(self) -> None:
        self.topics.close()
        self.consumer.close()


@attrs.define(eq=False)
class Clients:
    """The clients of a source: one that its readers share, made for the first of them.

    There is another one only where a partition is read twice at a time: a client reads it once.
    """

    broker: Broker
    open: list[Client] = attrs.field(factory=list, init=False)
    _changing: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    async def join(self, partition: Partition) -> Client:
        """One more reader. Raises ConfigurationError: librdkafka does not take the settings."""
        async with self._changing:
            client = next((each for each in self.open if partition not in each.users), None)
            if client is None:
                client = await trio.to_thread.run_sync(Client.of, self.broker)
                self.open.append(client)
            client.users.add(partition)
            return client

    async def leave(self, client: Client, partition: Partition) -> None:
        """One less; a client ends with its last reader."""
        async with self._changing:
            client.users.discard(partition)
            if not client.users and client in self.open:
                self.open.remove(client)
                await client.aclose()
