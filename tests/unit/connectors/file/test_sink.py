"""Parts of several sinks and of several lives in one directory, and what becomes of them."""

import subprocess
import sys
from pathlib import Path

import attrs
import pytest

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.connectors.file.sink import FileSinkWriter
from wallarood.model.errors import DamagedStateError


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
