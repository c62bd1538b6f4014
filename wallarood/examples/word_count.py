"""Counts the words of a text: for every word read, one line with the word and its count so far.

    wallarood demo word_count --workers 3
    wallarood dev wallarood.examples.word_count --workers 3 -- --input book.txt --output counts

A word is a run of non-space characters. Every word belongs to one worker, which keeps its count.
"""

import argparse
from pathlib import Path

import attrs

import wallarood as w
from wallarood.examples.samples import topics_file


@w.computation_multi
def split(line: str) -> list[str]:
    """The words of a line."""
    return line.split()


@attrs.define
class Total:
    """How often one word was seen."""

    count: int = 0


@w.state_computation(state=Total)
def count(word: str, total: Total) -> tuple[str, int]:
    """Count one word."""
    total.count += 1
    return word, total.count


def as_line(counted: tuple[str, int]) -> str:
    """The word and its count with a tab between; a word has none inside."""
    return f"{counted[0]}\t{counted[1]}"


def options(args: list[str]) -> argparse.Namespace:
    """Read ARGS. Without --input the text is that of Python's own help topics."""
    parser = argparse.ArgumentParser("word_count", description="count the words of a text")
    parser.add_argument("--input", nargs="+", metavar="FILE", default=[])
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="read it N times")
    parser.add_argument("--output", default="counts", metavar="DIR")
    chosen = parser.parse_args(args)
    chosen.input = chosen.input or [str(topics_file(Path(chosen.output)))]
    return chosen


def app(args: list[str]) -> w.Application:
    """The application: lines → words → a count for each word → files."""
    chosen = options(args)
    return w.application(
        "word count",
        w.source("lines", w.FileSource(*chosen.input, repeat=chosen.repeat))
        .flat_map(split)
        .key_by(lambda word: word, name="by-word")
        .to(count)
        .map(as_line)
        .to_sink(w.FileSink(chosen.output, format="lines", if_exists="replace"), name="counts"),
    )
