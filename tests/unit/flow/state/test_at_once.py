"""State that is captured as a whole, at once."""

import pytest

from wallarood.flow.state.at_once import AtOnce, SharedObject
from wallarood.model.errors import ApplicationError


def test_a_capture_is_the_state_at_its_moment() -> None:
    state = AtOnce("it", SharedObject("it", [1]))
    state.capture(1, 0)
    assert isinstance(state.of, SharedObject)
    state.of.value.append(2)
    assert not state.capturing
    other = SharedObject("it", None)
    AtOnce("it", other).restore(state.finish().chunks)
    assert other.value == [1]


def test_a_state_that_cannot_be_stored_is_refused_when_it_is_captured() -> None:
    state = AtOnce("it", SharedObject("it", lambda: None))
    with pytest.raises(ApplicationError, match="it"):
        state.capture(1, 0)
