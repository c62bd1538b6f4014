"""What the examples for servers share."""

import pytest

import wallarood as w
from wallarood.examples.servers.counting import counted, three
from wallarood.model.errors import UsageError
from wallarood.testing import run


def test_each_word_is_counted() -> None:
    lines = w.source("lines", w.ListSource(list[str]()))
    app = w.application("words", counted(lines).to_sink(w.ListSink([]), name="counts"))
    found = run(app, {"lines": ["a rose is", "a rose"]})["counts"]
    assert sorted(found) == [("a", 1), ("a", 2), ("is", 1), ("rose", 1), ("rose", 2)]


def test_other_than_three_arguments_are_refused() -> None:
    assert three(["a", "b", "c"], "x_words", "A B C") == ("a", "b", "c")
    with pytest.raises(UsageError, match="x_words: expected A B C"):
        three(["a"], "x_words", "A B C")
