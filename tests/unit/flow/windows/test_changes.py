"""What has changed since it was said."""

from wallarood.flow.windows.changes import Changes


class Clock:
    now = 100

    def __call__(self) -> int:
        return self.now


def test_what_changed_first_says_when_all_of_it_is_due() -> None:
    clock = Clock()
    changes: Changes[str, None] = Changes(clock, every=10)
    changes.since["a"] = None
    changes.noted()
    clock.now = 105
    changes.since["b"] = None
    changes.noted()
    assert changes.due == 110
    assert list(changes.take()) == ["a", "b"]
    assert (changes.due, changes.take()) == (None, {})


def test_nothing_is_due_when_all_was_said_in_another_way() -> None:
    changes: Changes[str, None] = Changes(Clock(), every=10)
    changes.since |= {"a": None, "b": None}
    changes.noted()
    changes.forget("a")
    assert changes.due == 110
    changes.forget("b")
    assert changes.due is None
