"""Files as people have them, on real clusters: dirty, rotated, added to, taken away, large."""

import json
import os
import random
from collections import Counter
from pathlib import Path

from support.harness import Hosts, count_lines, ended_well, hosts_in, wait_for
from support.killer import Killer

APPLICATION = """
import time

import wallarood as w

bad = w.dead_letter(w.FileSink("bad", format="json"), name="bad")


@w.computation_batch(blocking=True)
def passed(records: list) -> list:
    time.sleep({s_per_record} * len(records))
    return records


app = w.application("copy", w.source("in", {source}).to(passed).to_sink({sink}, name="out"))
"""


def application(
    directory: Path, source: str, sink: str = 'w.FileSink("out")', *, s_per_record: float = 0.0
) -> str:
    """A file with an application that copies the records of *source*, each in some time."""
    file = directory / "copy_app.py"
    file.write_text(APPLICATION.format(source=source, sink=sink, s_per_record=s_per_record))
    return str(file)


def lines_in(directory: Path) -> list[str]:
    """All lines of a sink's directory."""
    return sorted(
        line for part in directory.glob("[!.]*") for line in part.read_text().splitlines()
    )


def test_what_cannot_be_read_is_a_dead_letter_once_whoever_is_killed(tmp_path: Path) -> None:
    rng = random.Random(1)
    good, bad = [], []
    for number in range(2):
        lines = []
        for row in range(60_000):
            line = json.dumps({"file": number, "row": row})
            lines.append(line if rng.random() < 0.99 else line[:-1])
        (tmp_path / f"in-{number}.jsonl").write_text("".join(line + "\n" for line in lines))
        good += [line for line in lines if line.endswith("}")]
        bad += [(row, line) for row, line in enumerate(lines, 1) if not line.endswith("}")]
    app = application(
        tmp_path,
        'w.FileSource("in-*.jsonl", format="json", on_error=bad)',
        'w.FileSink("out", format="json")',
        s_per_record=5e-5,
    )
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, app, 2)
        for name in ("beta", "alpha"):
            cluster.until("running")
            cluster.kill(name)
        cluster.until("completed")
        cluster.end()
    assert [json.loads(each) for each in lines_in(tmp_path / "out")] == sorted(
        (json.loads(each) for each in good),
        key=lambda each: json.dumps(each, separators=(",", ":")),
    )
    letters = [json.loads(each) for each in lines_in(tmp_path / "bad")]
    assert sorted((each["line"], each["record"]) for each in letters) == sorted(
        (row, repr(line.encode())) for row, line in bad
    )
    assert {each["computation"] for each in letters} == {"in"}


def test_a_followed_file_is_rotated_while_its_reader_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "in.log"
    app = application(tmp_path, 'w.FileSource("in.log", follow=True)')
    written: list[str] = []

    def write() -> None:
        lines = [f"line {len(written) + number}" for number in range(500)]
        with log.open("a") as file:
            file.writelines(line + "\n" for line in lines)
        written.extend(lines)

    write()
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, app, 1)
        for turn in range(4):
            cluster.until("running")
            wait_for("it is read", lambda: lines_in(tmp_path / "out") == sorted(written))
            write()
            log.rename(tmp_path / f"in.log.{turn}")
            write()
            cluster.kill("alpha")
        wait_for("all is read", lambda: len(lines_in(tmp_path / "out")) >= len(written))
        cluster.end()
    assert lines_in(tmp_path / "out") == sorted(written)


def run_once(hosts: Hosts, app: str) -> str:
    """A job for what is there now, with the state of those before; what its worker said."""
    worker = hosts.start(
        "alpha", app, "--cluster-id", "auto", "--exit-on-completion", initializer=True
    )
    ended_well([worker])
    return worker.said


def test_a_daily_job_reads_what_has_come_and_misses_nothing_that_went(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "mon.txt").write_text("a\nb\n")
    app = application(tmp_path, 'w.FileSource("inbox")')
    with hosts_in(tmp_path) as hosts:
        run_once(hosts, app)
        (inbox / "tue.txt").write_text("c\n")
        assert "input files found that came after" in run_once(hosts, app)
        with (inbox / "mon.txt").open("a") as file:
            file.write("d\n")
        with (inbox / "tue.txt").open("a") as file:
            file.write("e\n")
        run_once(hosts, app)
        (inbox / "mon.txt").unlink()
        (inbox / "tue.txt").rename(inbox / "tuesday.txt")
        (inbox / "wed.txt").write_text("f\n")
        run_once(hosts, app)
        assert lines_in(tmp_path / "out") == ["a", "b", "c", "d", "e", "f"]
        for path in inbox.iterdir():
            path.unlink()
        run_once(hosts, app)
    assert lines_in(tmp_path / "out") == ["a", "b", "c", "d", "e", "f"]


def test_one_large_file_is_read_in_parts_by_two_workers(tmp_path: Path) -> None:
    rng = random.Random(2)
    lines = [f"{number} {'x' * rng.randrange(200)}" for number in range(300_000)]
    (tmp_path / "in.txt").write_text("".join(line + "\n" for line in lines))
    app = application(tmp_path, 'w.FileSource("in.txt", split="4MiB")', s_per_record=2e-5)
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, app, 2)
        cluster.until("running")
        cluster.kill("beta")
        cluster.until("completed")
        cluster.end()
    assert lines_in(tmp_path / "out") == sorted(lines)
    writers = {part.name.split("-")[1] for part in (tmp_path / "out").glob("[!.]*")}
    assert len(writers) > 1


def test_lines_of_a_pipe_are_counted_once_whoever_is_killed(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    app = tmp_path / "count_app.py"
    app.write_text(
        "import wallarood as w\n"
        'words = w.source("in", w.FileSource("pipe", follow=True))\n'
        'app = w.application("count", words.key_by(str, name="by-word").aggregate(w.count())'
        '.to_sink(w.FileSink("out"), name="out"))\n'
    )
    sent: Counter[str] = Counter()
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(app), 2)
        for turn in range(3):
            cluster.until("running")
            with pipe.open("w") as file:
                for number in range(2000):
                    file.write(f"w{number % 7}\n")
                    sent[f"w{number % 7}"] += 1
            before = turn
            wait_for("some is counted", lambda: len(count_lines(tmp_path / "out")) == 7)
            cluster.kill("alpha" if before % 2 else "beta")
        cluster.until("running")
        cluster.end()
    for word, updates in count_lines(tmp_path / "out").items():
        counts = [count for _, count in updates]
        assert counts == sorted(set(counts)), word
        assert counts[-1] <= sent[word]
