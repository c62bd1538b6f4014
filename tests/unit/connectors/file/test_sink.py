"""Parts of several sinks and of several lives in one directory, and what becomes of them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.connectors.file.sink import FileSinkWriter
from wallarood.model.errors import DamagedStateError

FORMATS: list[tuple[Any, list[Any], str]] = [
    ("lines", ["a", 1, "b\nc", "t\tt"], "a\n1\nb\\nc\nt\tt\n"),
    ("tsv", [("a\tb", "c\\d"), ("e", None), "f"], "a\\tb\tc\\\\d\ne\t\nf\n"),
    ("json", [{"a": [1]}, "ü"], '{"a":[1]}\n"ü"\n'),
    ("csv", [("a,b", 'c"d'), ("x", 2)], '"a,b","c""d"\r\nx,2\r\n'),
]


def context(tmp_path: Path, step: str = "out", worker: str = "alpha") -> SinkContext:
    own = str(tmp_path / "state" / f"{step} {worker}")
    return SinkContext("app", "wc-0123456789", worker, step, 0, own, life="1-aaaaaaaa")


async def opened(at: SinkContext, out: Path, state: int | None = None) -> FileSinkWriter:
    return await w.FileSink(out).open(at, state)


def visible(directory: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in directory.glob("[!.]*")}


async def test_a_process_that_was_replaced_does_not_touch_the_parts_of_its_replacement(
    tmp_path: Path,
) -> None:
    out, at = tmp_path / "out", context(tmp_path)
    hung = await opened(at, out)
    await hung.write([("hung",)] * 100_000)
    replacement = await opened(attrs.evolve(at, life="2-bbbbbbbb"), out, 0)
    await replacement.write([("replacement",)] * 100_000)
    await hung.write([("hung",)] * 100_000)
    await hung.aclose()
    await replacement.commit(await replacement.prepare())
    (text,) = visible(out).values()
    assert text == "replacement\n" * 100_000
    assert list(out.glob(".*")) == []


async def test_two_sinks_whose_names_run_together_alike_have_parts_of_their_own(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    for step, worker in (("a", "b-c"), ("a-b", "c"), ("a.b", "c"), ("a", "b.c")):
        writer = await opened(context(tmp_path, step, worker), out)
        await writer.write([(step, worker)])
        await writer.commit(await writer.prepare())
    assert len(visible(out)) == 4


async def test_replace_leaves_the_parts_of_another_step(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for step in ("counts", "counts-late"):
        at = attrs.evolve(context(tmp_path, step), cluster_id="wc-deadbeef")
        writer = await opened(at, out)
        await writer.write([(step,)])
        await writer.commit(await writer.prepare())
    await w.FileSink(out, if_exists="replace").open(context(tmp_path, "counts"), None)
    assert list(visible(out)) == ["counts-late@alpha-0-deadbeef.000000.tsv"]


async def test_a_part_that_is_gone_before_it_appeared_is_damage(tmp_path: Path) -> None:
    out = tmp_path / "out"
    writer = await opened(context(tmp_path), out)
    await writer.write([("a",)])
    prepared = await writer.prepare()
    (out / prepared).unlink()
    with pytest.raises(DamagedStateError, match=r"is gone.*out@alpha-0-23456789\.000000\.tsv"):
        await writer.commit(prepared)
    (out / "out@alpha-0-23456789.000000.tsv").touch()
    await writer.commit(prepared)


async def test_a_part_that_was_taken_away_after_it_appeared_is_published(tmp_path: Path) -> None:
    out, at = tmp_path / "out", context(tmp_path)
    writer = await opened(at, out)
    await writer.write([("a",)])
    prepared = await writer.prepare()
    state = writer.state
    await writer.commit(prepared)
    (out / "out@alpha-0-23456789.000000.tsv").unlink()
    again = await opened(attrs.evolve(at, life="2-bbbbbbbb"), out, state)
    await again.commit(prepared)
    assert visible(out) == {}


async def test_what_appeared_is_forgotten_by_a_writer_that_is_opened_before_it(
    tmp_path: Path,
) -> None:
    out, at = tmp_path / "out", context(tmp_path)
    writer = await opened(at, out)
    await writer.write([("a",)])
    await writer.commit(await writer.prepare())
    again = await opened(attrs.evolve(at, life="2-bbbbbbbb"), out, 0)
    await again.write([("a",)])
    prepared = await again.prepare()
    (out / prepared).unlink()
    with pytest.raises(DamagedStateError, match="is gone"):
        await again.commit(prepared)


FULL = """
import resource, signal, sys, trio
import wallarood as w
from wallarood.app.connector import SinkContext
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

async def main():
    writer = await w.FileSink(sys.argv[1]).open(SinkContext("a", "wc-1", "alpha", "out", 0), None)
    try:
        await writer.write([("x" * 3_000_000, 1)])
    finally:
        await writer.aclose()

try:
    trio.run(main)
except w.WallaroodError as error:
    print(error.exit_code, error.message)
"""


def test_closing_a_sink_whose_disk_is_full_does_not_hide_why(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("73 "), done
    assert list(tmp_path.iterdir()) == []


CONTEXT = SinkContext("app", "wc-0123456789", "alpha", "out", 0)


async def test_a_file_appears_whole_when_it_is_committed(tmp_path: Path) -> None:
    writer = await w.FileSink(tmp_path / "new" / "out").open(CONTEXT, None)
    await writer.write([("a", 1), ("b", 2)])
    assert visible(tmp_path / "new" / "out") == {}
    prepared = await writer.prepare()
    assert visible(tmp_path / "new" / "out") == {}
    for _ in range(2):
        await writer.commit(prepared)
        assert visible(tmp_path / "new" / "out") == {
            "out@alpha-0-23456789.000000.tsv": "a\t1\nb\t2\n"
        }
    await writer.write([("c", 3)])
    await writer.prepare()
    assert await writer.prepare() is None
    await writer.aclose()
    assert len(list((tmp_path / "new" / "out").iterdir())) == 2


async def test_a_writer_goes_on_where_its_state_says_and_removes_what_came_behind(
    tmp_path: Path,
) -> None:
    sink = w.FileSink(tmp_path)
    writer = await sink.open(CONTEXT, None)
    other = await sink.open(attrs.evolve(CONTEXT, worker="beta"), None)
    for each in (writer, other):
        await each.write([("a", 1)])
        await each.commit(await each.prepare())
    state = writer.state
    await writer.write([("b", 2)])
    void = await writer.prepare()
    await writer.write([("c", 3)] * 100_000)
    await writer.aclose()
    again = await sink.open(CONTEXT, state)
    assert len(list(tmp_path.iterdir())) == 2
    await again.write([("d", 4)])
    prepared = await again.prepare()
    assert prepared == void
    await again.commit(prepared)
    found = sorted(text for name, text in visible(tmp_path).items() if "alpha" in name)
    assert found == ["a\t1\n", "d\t4\n"]


async def test_what_was_not_prepared_is_gone_when_the_sink_closes(tmp_path: Path) -> None:
    writer = await w.FileSink(tmp_path).open(CONTEXT, None)
    await writer.write([("x" * 1000, 1)] * 1000)
    await writer.aclose()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("line_format", "rows", "expected"), FORMATS, ids=[f[0] for f in FORMATS])
async def test_a_line_is_one_record_in_every_format(
    tmp_path: Path, line_format: Any, rows: list[Any], expected: str
) -> None:
    writer = await w.FileSink(tmp_path, format=line_format).open(CONTEXT, None)
    await writer.write(rows)
    await writer.commit(await writer.prepare())
    (found,) = tmp_path.glob("[!.]*")
    assert found.read_bytes().decode() == expected


def test_a_wrong_format_is_a_clear_error() -> None:
    with pytest.raises(w.ApplicationError, match="expected one of lines, tsv, json, csv"):
        w.FileSink("out", format="xml")  # type: ignore[arg-type]


async def test_a_directory_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(w.WallaroodError, match="sink directory"):
        await w.FileSink(tmp_path / "file" / "out").open(CONTEXT, None)


FULL_LATER = """
import resource, signal, sys, trio
import wallarood as w
from wallarood.app.connector import SinkContext
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

async def main():
    writer = await w.FileSink(sys.argv[1]).open(SinkContext("a", "wc-1", "alpha", "out", 0), None)
    for _ in range(100):
        await writer.write([("x" * 100, 1)] * 100)
    await writer.prepare()

try:
    trio.run(main)
except w.WallaroodError as error:
    print(error.exit_code, error.message)
"""


def test_a_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_LATER, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("73 "), done
    assert "File too large" in done.stdout
    assert str(tmp_path) in done.stdout
    assert not list(tmp_path.glob("[!.]*"))


async def test_parts_of_another_cluster_are_refused_kept_or_removed(tmp_path: Path) -> None:
    async def write(sink: w.FileSink, cluster: str, *, state: int | None = None) -> None:
        writer = await sink.open(attrs.evolve(CONTEXT, cluster_id=f"wc-{cluster}"), state)
        await writer.write([("a", 1)])
        await writer.commit(await writer.prepare())
        await writer.aclose()

    def clusters() -> list[str]:
        return sorted(each.name.split(".")[0][-8:] for each in tmp_path.iterdir())

    (tmp_path / "notes.tsv").write_text("not a part")
    await write(w.FileSink(tmp_path), "11111111")
    await write(w.FileSink(tmp_path), "11111111", state=1)
    with pytest.raises(w.ApplicationError, match=r"holds parts of another.*\n?.*if_exists"):
        await write(w.FileSink(tmp_path), "22222222")
    await write(w.FileSink(tmp_path, if_exists="append"), "22222222")
    assert clusters() == ["11111111", "11111111", "22222222", "notes"]
    await write(w.FileSink(tmp_path), "11111111", state=2)
    await write(w.FileSink(tmp_path, if_exists="replace"), "33333333")
    assert clusters() == ["33333333", "notes"]
    with pytest.raises(w.ApplicationError, match="if_exists='keep': expected"):
        w.FileSink(tmp_path, if_exists="keep")  # type: ignore[arg-type]
