"""What looks at records as they come to a stage: samples of keys, and operators who tap it."""
# Theory of operation
# ===================
# A stage looks once a batch, and only where there is something to look for it. Keys of a stage that
# takes thousands of batches a second are looked at a few hundred times a second, once enough is
# known of them. A tap takes a few records of each batch until it has enough: what passes is neither
# copied nor held up, and a tap that nobody waits for any more is gone.

import time
from collections.abc import Callable
from typing import Any, Final

import attrs
import trio

from wallarood.flow.keys import canonical, shown_key
from wallarood.flow.sampled.hot_keys import HotKeys
from wallarood.flow.sampled.slots import SlotCounts
from wallarood.model.batch import Batch

EVERY_S: Final = 0.004
"""How long keys are not looked at after a look, once enough is known of them."""
ENOUGH: Final = 512
"""So many samples of keys are enough."""
OF_A_BATCH: Final = 5
"""How many records of a batch a tap takes at most, so that it sees several; of one key, all."""


@attrs.define(eq=False)
class Tap:
    """Takes *count* records, of *key* only if there is one, as text by *show*."""

    count: int
    show: Callable[[Any], str]
    key: str | None = None
    taken: list[tuple[str | None, str]] = attrs.field(factory=list, init=False)
    """The keys and the records, as text; no key on a stream without."""
    full: trio.Event = attrs.field(factory=trio.Event, init=False)

    def look(self, batch: Batch) -> None:
        """Take records of *batch*."""
        keys, key = batch.keys, self.key
        if key is None:
            step = max(1, len(batch) // OF_A_BATCH)
            places = list(range(0, len(batch), step)[:OF_A_BATCH])
        elif keys is None:
            return
        else:
            places = [n for n, each in enumerate(keys) if is_called(each, key)]
        for place in places:
            if len(self.taken) >= self.count:
                break
            shown = None if keys is None else self.show(keys[place])
            self.taken.append((shown, self.show(batch.values[place])))
        if len(self.taken) >= self.count:
            self.full.set()


def is_called(key: Any, text: str) -> bool:
    """Whether *text* means *key*: as its author would write it, or a str without its quotes."""
    return key == text if isinstance(key, str) else shown_key(canonical(key)) == text


@attrs.define(eq=False)
class Looks:
    """All that looks at the records of one stage instance."""

    hot_keys: HotKeys | None = None
    slots: SlotCounts | None = None
    taps: list[Tap] = attrs.field(factory=list)
    clock: Callable[[], float] = time.perf_counter
    _due: float = attrs.field(default=0.0, init=False)
    """When keys are looked at again."""

    def look(self, batch: Batch) -> None:
        """Look at *batch*, which comes to the stage."""
        if self.hot_keys is not None and batch.keys:
            self._look_at(batch.keys, self.hot_keys)
        for tap in self.taps:
            tap.look(batch)

    def _look_at(self, keys: list[Any], hot_keys: HotKeys) -> None:
        now = self.clock()
        if now < self._due and hot_keys.samples >= ENOUGH:
            return
        self._due = now + EVERY_S
        samples = hot_keys.look(keys)
        if self.slots is not None:
            self.slots.look(samples)
