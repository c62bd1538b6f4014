"""The keys that were used since the last capture, each with its state."""

from collections.abc import Callable
from typing import Any


class InUse(dict[Any, Any]):
    """Key → state of those used since the last capture."""

    def __init__(self, take_in: Callable[[Any], Any]) -> None:
        super().__init__()
        self._take_in = take_in

    def __missing__(self, key: Any) -> Any:
        state = self[key] = self._take_in(key)
        return state
