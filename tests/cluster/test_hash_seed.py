"""`hash` in a key function: the same on all workers, or they do not form a cluster."""

from pathlib import Path

from support.harness import hosts_in

APPLICATION = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def count(word: str, seen: Seen) -> tuple[str, int]:
    seen.count += 1
    return word, seen.count

app = w.application(
    "hashing",
    w.source("words", w.FileSource("words-*.txt"))
    .key_by(lambda word: hash(word))
    .to(count)
    .to_sink(w.FileSink("out", format="lines")),
)
"""
WORDS = [f"word{number}" for number in range(50)]


def application_in(directory: Path) -> str:
    for name in ("words-a.txt", "words-b.txt"):
        (directory / name).write_text("".join(f"{word}\n" for word in WORDS))
    file = directory / "hashing.py"
    file.write_text(APPLICATION)
    return str(file)


def test_a_text_has_the_same_hash_on_all_workers(tmp_path: Path) -> None:
    application = application_in(tmp_path)
    with hosts_in(tmp_path) as hosts:
        hosts.environment["PYTHONHASHSEED"] = "random"
        workers = hosts.start_cluster(2, application, "--exit-on-completion")
        assert [worker.wait() for worker in workers] == [0, 0]
    files = (tmp_path / "out").glob("[!.]*")
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert len(lines) == 2 * len(WORDS)
    assert sorted(set(lines)) == sorted(lines)  # each word is counted to 2 by one worker


def test_workers_with_other_seeds_do_not_form_a_cluster(tmp_path: Path) -> None:
    application = application_in(tmp_path)
    with hosts_in(tmp_path) as hosts:
        alpha = hosts.start("alpha", application, count=2, initializer=True)
        hosts.environment["PYTHONHASHSEED"] = "7"
        beta = hosts.start("beta", application, count=2)
        assert beta.wait() == 76
        assert "PYTHONHASHSEED 7" in beta.said
        assert alpha.process.poll() is None
