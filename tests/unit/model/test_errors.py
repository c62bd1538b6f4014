"""Errors: their exit codes, and those that nurseries wrap."""

import pytest

from wallarood.model import errors
from wallarood.model.errors import WallaroodError, errors_in, first_error


def test_an_error_alone_is_the_first() -> None:
    error = ValueError("x")
    assert first_error(error) is error
    assert list(errors_in(error)) == [error]


def test_errors_come_out_of_groups_in_their_order_however_deep() -> None:
    a, b, c = ValueError("a"), KeyboardInterrupt(), OSError("c")
    group = BaseExceptionGroup("", [ExceptionGroup("", [ExceptionGroup("", [a])]), b, c])
    assert list(errors_in(group)) == [a, b, c]
    assert first_error(group) is a


KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, WallaroodError)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_for_a_person_has_its_message_and_a_code_of_sysexits(
    kind: type[WallaroodError],
) -> None:
    error = kind("what, why, and what to do")
    assert error.message == str(error) == "what, why, and what to do"
    assert error.exit_code == 0 or 64 <= error.exit_code <= 78


def test_a_position_that_is_gone_is_named_with_what_is_there() -> None:
    error = errors.PositionGoneError.of("redis x:1", "orders", position=3, lowest=7)
    said = "redis x:1: position 3 of orders is gone: the lowest that is there is 7. What"
    assert error.message.startswith(said)
    assert isinstance(error, errors.ApplicationError)
