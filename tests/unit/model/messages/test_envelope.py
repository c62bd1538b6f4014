"""The union of all control messages."""

import inspect
from types import ModuleType
from typing import get_args

import attrs
import pytest

from wallarood.model.messages import (
    change,
    checkpoints,
    completion,
    formation,
    membership,
    recovery,
)
from wallarood.model.messages.envelope import ControlMessage
from wallarood.model.messages.formation import Contribution, Listing

PROTOCOLS = (formation, membership, recovery, checkpoints, completion, change)
PARTS = (Listing, Contribution)
"""What messages are made of, and never said by itself."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_a_protocol_defines_can_be_said(protocol: ModuleType) -> None:
    defined = {
        each
        for _, each in inspect.getmembers(protocol, inspect.isclass)
        if each.__module__ == protocol.__name__ and attrs.has(each) and each not in PARTS
    }
    assert defined
    assert defined <= set(get_args(ControlMessage))


def test_no_two_messages_have_the_same_tag() -> None:
    tags = [each.__name__ for each in get_args(ControlMessage)]
    assert len(tags) == len(set(tags))
