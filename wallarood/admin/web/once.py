"""What is made once for all who ask at about the same time."""

import math
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import attrs
import trio

T = TypeVar("T")


@attrs.define(eq=False)
class Once(Generic[T]):
    """What *make* gives, for all who ask within *fresh_s*; who asks while it is made waits."""

    make: Callable[[], Awaitable[T]]
    fresh_s: float
    _made: list[T] = attrs.field(factory=list, init=False)
    _at: float = attrs.field(default=-math.inf, init=False)
    _lock: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    async def get(self) -> T:
        """It, not older than *fresh_s*. Raises what *make* raises."""
        if self._is_fresh:
            return self._made[0]
        async with self._lock:
            if not self._is_fresh:
                self._made[:] = [await self.make()]
                self._at = trio.current_time()
            return self._made[0]

    @property
    def _is_fresh(self) -> bool:
        return bool(self._made) and trio.current_time() - self._at < self.fresh_s
