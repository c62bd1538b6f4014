"""Which keys have the most records, by samples: a few records of each batch are looked at."""
# Theory of operation
# ===================
# A sketch that sees each record would cost a call for each: the libraries for that are made for
# other languages. A key that matters has a large share, and a large share shows in samples. Eight
# keys of each batch are counted, more of a large one, each for the records that it stands for. When
# there are too many counts, or samples, all are halved, and those that come to nothing are dropped:
# so the table is bounded, and what was long ago counts little.

from typing import Any, Final

import attrs

SAMPLES: Final = 8
STEP_MAX: Final = 128
"""One of so many records at least is looked at: a slow stage gets few batches, and large ones."""
KEYS_MAX: Final = 1024
SAMPLES_MAX: Final = 2048
NOISE: Final = 10
"""A key that was not seen so often among all samples may have been seen by chance."""
STRIDE: Final = 5
"""How far the first record that is looked at moves with each batch, so that no pattern hides."""


@attrs.define(eq=False)
class HotKeys:
    """Keys with how many records they are thought to have had lately."""

    counts: dict[Any, int] = attrs.field(factory=dict)
    total: int = 0
    samples: int = 0
    _first: int = 0

    def look(self, keys: list[Any]) -> list[Any]:
        """Look at some of the *keys* of a batch, and return those.

        Keys that cannot be told apart are left out.
        """
        step = max(1, min(STEP_MAX, len(keys) // SAMPLES))
        counts, looked_at = self.counts, keys[self._first % step :: step]
        try:
            for key in looked_at:
                counts[key] = counts.get(key, 0) + step
        except Exception:  # a class whose hash or equality fails
            return []
        self._first += STRIDE
        self.total += len(keys)
        self.samples += len(looked_at)
        if len(counts) > KEYS_MAX:
            self._forget()
        elif self.samples > SAMPLES_MAX:
            self.counts = {key: n // 2 for key, n in counts.items() if n > 1}
            self.total //= 2
            self.samples //= 2
        return looked_at

    def _forget(self) -> None:
        """Halve all counts, until half of the table is free."""
        least = sorted(self.counts.values())[len(self.counts) // 2]
        self.counts = {key: n // 2 for key, n in self.counts.items() if n > least}
        self.total = max(self.total // 2, sum(self.counts.values()))
        self.samples //= 2

    def hottest(self, count: int) -> list[tuple[Any, float]]:
        """The keys with the largest shares of the records (0 to 1), at most *count*.

        Those that may have been seen by chance are left out.
        """
        if self.samples < NOISE:
            return []
        most = sorted(self.counts.items(), key=lambda each: each[1], reverse=True)[:count]
        shares = [(key, min(1.0, n / self.total)) for key, n in most]
        return [(key, share) for key, share in shares if share * self.samples >= NOISE]
