"""The main job: the words of a text, counted by 1 to 5 workers that are started in any order."""

import random
from pathlib import Path

import pytest
from support.harness import NAMES, check_counts, ended_well, hosts_in

WORDS = ["stream", "of", "words", "über", "naïve", "日本", "a", "the", "|", "-"]


def text_of(size: int, seed: int = 1) -> str:
    """Lines of words, the same for the same seed, of at least *size* characters."""
    rng = random.Random(seed)
    words = [*WORDS, *(f"w{rng.randrange(3000)}" for _ in range(3000))]
    lines: list[str] = []
    length = 0
    while length < size:
        line = " ".join(rng.choices(words, k=rng.randrange(12)))
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines)


def app_args(directory: Path, *inputs: Path) -> tuple[str, ...]:
    return ("--input", *map(str, inputs), "--output", str(directory / "out"))


@pytest.mark.parametrize(
    "count",
    [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long), 5],
)
def test_every_word_is_counted_once_whatever_the_number_of_workers(
    tmp_path: Path, count: int
) -> None:
    text = text_of(300_000)
    (tmp_path / "book.txt").write_text(text, encoding="utf-8")
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(
            count,
            "wallarood.examples.word_count",
            "--exit-on-completion",
            args=app_args(tmp_path, tmp_path / "book.txt"),
        )
        ended_well(workers)
    check_counts(tmp_path / "out", text)


@pytest.mark.parametrize(
    "order",
    [(2, 1, 0), *(pytest.param(order, marks=pytest.mark.long) for order in ((1, 0, 2), (0, 2, 1)))],
)
def test_the_order_in_which_workers_are_started_does_not_matter(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    text = text_of(20_000, seed=2)
    (tmp_path / "book.txt").write_text(text, encoding="utf-8")
    with hosts_in(tmp_path) as hosts:
        workers = []
        for place in order:
            worker = hosts.start(
                NAMES[place],
                "wallarood.examples.word_count",
                "--exit-on-completion",
                count=3,
                initializer=place == 0,
                args=app_args(tmp_path, tmp_path / "book.txt"),
            )
            workers.append(worker)
        ended_well(workers)
    check_counts(tmp_path / "out", text)


def test_an_empty_file_is_counted_too(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(
            3,
            "wallarood.examples.word_count",
            "--exit-on-completion",
            args=app_args(tmp_path, tmp_path / "empty.txt"),
        )
        ended_well(workers)
    check_counts(tmp_path / "out", "")


def test_five_megabytes_in_several_files_that_several_workers_read(tmp_path: Path) -> None:
    texts = [text_of(1_300_000, seed) for seed in range(4)]
    files = [tmp_path / f"part-{number}.txt" for number in range(4)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(
            3,
            "wallarood.examples.word_count",
            "--exit-on-completion",
            args=app_args(tmp_path, *files),
        )
        ended_well(workers)
    check_counts(tmp_path / "out", "\n".join(texts))
