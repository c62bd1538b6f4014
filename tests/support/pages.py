"""What a test expects of a page in a browser: it is waited for as `support.patience` says."""

from collections.abc import Callable

import attrs
from playwright.sync_api import Locator
from playwright.sync_api import expect as expect_now

from support.patience import Wait

ACTION_MS = 300_000
"""How long a page may take to do what it is told: whether it does is found out by what follows."""
COME_S = 10.0


@attrs.frozen
class Expected:
    """What is expected of `locator`: has the assertions of Playwright, as ``to_have_text``."""

    locator: Locator

    def __getattr__(self, assertion: str) -> Callable[..., None]:
        def check(*arguments: object, wait_s: float = COME_S) -> None:
            wait = Wait(wait_s)
            while True:
                left_ms = max(1.0, 1000 * wait.left_s())
                try:
                    getattr(expect_now(self.locator), assertion)(*arguments, timeout=left_ms)
                except AssertionError:
                    if not wait.left_s():
                        raise
                else:
                    return

        return check


def expect(locator: Locator) -> Expected:
    """`Expected` of *locator*."""
    return Expected(locator)
