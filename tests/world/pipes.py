"""The data connections between the workers of a world, and the frames and grants on them."""

import itertools
from typing import TYPE_CHECKING, Any

import attrs

from wallarood.model.errors import RemoteProtocolError

if TYPE_CHECKING:
    from .world import World


@attrs.define(eq=False)
class Pipe:
    """A data connection, from a sender to a receiver."""

    round: int
    lives: tuple[int, int]
    there: list[Any] = attrs.field(factory=list)
    back: list[tuple[int, int]] = attrs.field(factory=list)


@attrs.define(eq=False)
class Pipes:
    """The data connections of *world* that are open."""

    world: "World"
    _pipes: dict[tuple[str, str], Pipe] = attrs.field(factory=dict, init=False)

    def cut_all_of(self, name: str) -> None:
        """A process has ended, and all its connections with it."""
        for pair in [pair for pair in self._pipes if name in pair]:
            del self._pipes[pair]

    def cut(self, one: str, other: str) -> None:
        """Data connections between two workers are given up; what is on the way is lost."""
        self._pipes.pop((one, other), None)
        self._pipes.pop((other, one), None)

    def move(self) -> None:
        """Frames and grants go some way on every data connection; missing ones are made."""
        jobs = {name: job for name in self.world.workers if (job := self._job(name)) is not None}
        for pair in itertools.permutations(jobs, 2):
            if pair not in self._pipes:
                self._connect(pair, jobs[pair[0]], jobs[pair[1]])
        for pair, pipe in list(self._pipes.items()):
            if self.world.are_parted(*pair) or (
                self.world.faulty and self.world.rng.random() < self.world.loss / 10
            ):
                del self._pipes[pair]
                continue
            try:
                self._move(pair, pipe)
            except RemoteProtocolError as error:
                self.world.say(f"the link {pair} breaks: {error}")
                self._pipes.pop(pair, None)

    def _job(self, name: str, life: int | None = None) -> Any:
        node = self.world.nodes[name]
        stopped = node.stopped_until > self.world.now
        if stopped or node.running is None or (life is not None and node.life != life):
            return None
        return node.running.job

    def _connect(self, pair: tuple[str, str], source: Any, target: Any) -> None:
        if source.round != target.round or pair[1] not in source.senders:
            return
        if self.world.are_parted(*pair) or self.world.rng.random() < 0.5:
            return
        sender, receiver = source.senders[pair[1]], target.receivers[pair[0]]
        pipe = Pipe(source.round, (self.world.nodes[pair[0]].life, self.world.nodes[pair[1]].life))
        sender.resume(receiver.received)
        receiver.reconnected()
        pipe.back = list(receiver.grants().items())
        self._pipes[pair] = pipe

    def _move(self, pair: tuple[str, str], pipe: Pipe) -> None:
        source, target = self._job(pair[0], pipe.lives[0]), self._job(pair[1], pipe.lives[1])
        if source is not None and source.round == pipe.round:
            sender = source.senders[pair[1]]
            chance = self.world.rng.random
            while chance() < 0.8 and (frame := sender.next_unsent()) is not None:
                pipe.there.append(frame)
            if pipe.back:
                some = int(chance() * (len(pipe.back) + 1))
                for grant in pipe.back[:some]:
                    sender.granted(*grant)
                del pipe.back[:some]
        if target is not None:
            if target.round != pipe.round and not self.world.bugs.any_round:
                del self._pipes[pair]
                return
            if pipe.there:
                some = int(self.world.rng.random() * (len(pipe.there) + 1))
                for frame in pipe.there[:some]:
                    target.arrived(pair[0], frame)
                del pipe.there[:some]
            receiver = target.receivers[pair[0]]
            if receiver.due:
                pipe.back += receiver.grants().items()
