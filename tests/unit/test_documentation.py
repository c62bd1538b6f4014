"""Every command, flag and key is in the man pages, and the README names what exists."""

import argparse
import importlib
import re
from pathlib import Path

import pytest

import wallarood
from wallarood.cli import demo
from wallarood.cli.ctl import command as ctl
from wallarood.cli.main import COMMANDS
from wallarood.config.keys import KEYS
from wallarood.testing import run

ROOT = Path(__file__).parents[2]
PAGES = (
    "wallarood.8",
    "wallarooctl.1",
    "wallarood.toml.5",
    "wallarood-app.7",
    "wallarood-changes.7",
    "wallarood-connectors.7",
    "wallarood-operations.7",
    "wallarood-protocol.7",
    "wallarood-internals.7",
    "wallarood-metrics.7",
    "wallarood-performance.7",
    "wallarood-runbook.7",
    "wallarood-time.7",
)


def page(name: str) -> str:
    """The text of a man page without its escapes."""
    return (ROOT / "man" / name).read_text(encoding="utf-8").replace("\\-", "-").replace("\\&", "")


def flags_of(parser: argparse.ArgumentParser) -> set[str]:
    """All flags of *parser* and of its subcommands, with two dashes."""
    found: set[str] = set()
    for action in parser._actions:
        found.update(each for each in action.option_strings if each.startswith("--"))
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                found |= flags_of(command)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_sections_that_readers_expect(name: str) -> None:
    text = page(name)
    title, section = name.rsplit(".", 1)
    assert re.search(rf"^\.TH {re.escape(title.upper())} {section} ", text, re.M)
    for heading in ("NAME", "DESCRIPTION", "SEE ALSO"):
        assert re.search(rf'^\.SH "?{heading}"?$', text, re.M), heading


@pytest.mark.parametrize("name", PAGES)
def test_the_tables_of_a_page_have_no_macros(name: str) -> None:
    """mandoc, which shows the pages on other systems, leaves them out."""
    tables = re.findall(r"^\.TS\n(.*?)^\.TE", page(name), re.S | re.M)
    lines = [line for table in tables for line in table.splitlines()]
    assert [line for line in lines if re.match(r"\.[A-Z]", line)] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_of_this_version(name: str) -> None:
    assert f"wallarood {wallarood.__version__}" in page(name)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_of_a_command_is_in_its_page(command: str) -> None:
    parser = argparse.ArgumentParser()
    importlib.import_module(f"wallarood.cli.{command}").add_parser(parser.add_subparsers())
    text = page("wallarood.8")
    assert re.search(rf"\b{command}\b", text)
    missing = {flag for flag in flags_of(parser) - {"--help"} if not in_text(flag, text)}
    assert missing == set()


def test_every_command_and_flag_of_wallarooctl_is_in_its_page() -> None:
    text = page("wallarooctl.1")
    missing = {flag for flag in flags_of(ctl.parser()) if not in_text(flag, text)}
    missing |= {name for name in ctl.COMMANDS if f".B {name}\n" not in text}
    assert missing == set()


def test_every_bundled_example_is_in_the_page() -> None:
    assert [name for name in demo.EXAMPLES if name not in page("wallarood.8")] == []


def test_every_key_is_in_the_page_and_in_the_sample_configuration() -> None:
    text = page("wallarood.toml.5")
    sample = (ROOT / "config" / "wallarood.toml").read_text(encoding="utf-8")
    missing = {key.full_name for key in KEYS if not in_text(key.name, text)}
    missing |= {
        key.full_name for key in KEYS if not re.search(rf"^#? ?{key.name} = ", sample, re.M)
    }
    assert missing == set()


def test_the_page_about_internals_names_files_that_exist() -> None:
    text = page("wallarood-internals.7")
    named = set(re.findall(r"(?<![\w.])((?:[a-z_]+/)+[a-z_]*(?:\.py|\.toml)?)", text))
    assert len(named) > 30
    roots = (ROOT, ROOT / "wallarood")
    assert {each for each in named if not any((root / each).exists() for root in roots)} == set()


def test_the_readme_names_commands_targets_and_files_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = set(re.findall(r"^wallarood (\w+)", readme, re.M))
    targets = set(re.findall(r"^make (\w+)", readme, re.M))
    files = set(re.findall(r"`((?:man|config)/[\w./-]+)`", readme))
    assert commands
    assert commands <= set(COMMANDS)
    assert targets
    assert {target for target in targets if f"\n{target}:" not in makefile} == set()
    assert files
    assert {file for file in files if not (ROOT / file).exists()} == set()


def test_the_application_in_the_readme_runs(tmp_path: Path) -> None:
    (code,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S
    )
    names: dict[str, object] = {}
    exec(compile(code, str(tmp_path / "words.py"), "exec"), names)
    (result,) = run(names["app"], {"lines": ["to be", "to"]}).values()
    assert sorted(result) == [("be", 1), ("to", 1), ("to", 2)]


def in_text(word: str, text: str) -> bool:
    """Whether *word* stands in *text* on its own, not as the beginning of a longer one."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None
