"""What is said of a connector, and of what a reader sees instead of what it must see."""

import pytest

from wallarood.testing.connectors.proofs import Proof, compare


def test_what_was_not_tried_is_said_too() -> None:
    proof = Proof("redis", "once", {"killed": "5 times"}, {"slow server": "no server was given"})
    assert str(proof).splitlines() == [
        "redis: once",
        "  killed       5 times",
        "  slow server  NOT TRIED: no server was given",
    ]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "0 records where 2 are due; .* number 0: nothing instead of 'a'"),
        (["a"], "1 records where 2 are due; .* number 1: nothing instead of 'b'"),
        (["a", "b", "b"], "3 records where 2 are due; .* number 2: 'b' instead of nothing"),
        (["b", "a"], "2 records where 2 are due; .* number 0: 'b' instead of 'a'"),
    ],
)
def test_the_first_difference_is_named(found: list[object], said: str) -> None:
    with pytest.raises(AssertionError, match=f"^after kill 3, a reader sees {said}$"):
        compare("after kill 3", found, ["a", "b"])
    compare("after kill 3", ["a", "b"], ["a", "b"])
