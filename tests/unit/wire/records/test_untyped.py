"""Of the records that do not go by their type, the first that is not of it is an example."""

from wallarood.wire.records.untyped import RecordCodecError, Untyped


def is_int(values: list[object]) -> bool:
    return all(type(value) is int for value in values)


def test_the_example_is_the_record_that_is_wrong_and_the_first_one_stays() -> None:
    untyped = Untyped()
    untyped.note([1, 2, "three", 4.0], is_int)
    untyped.note(["another"], is_int)
    assert untyped.examples == ["three"]


def test_where_each_is_right_by_itself_the_first_is_shown() -> None:
    """As where one object stands in a batch twice."""
    untyped = Untyped()
    untyped.note([1, 2], is_int)
    assert untyped.examples == [1]


def test_an_error_says_which_record_was_the_first_that_was_not_sent() -> None:
    error = RecordCodecError("cannot be sent", why="no type", first=7)
    assert (error.message, error.why, error.first) == ("cannot be sent", "no type", 7)
