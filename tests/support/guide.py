"""The guides for operators to the letter: what their man pages show is done on hosts of a lab."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import attrs

from support.harness import wait_for
from support.lab import Host

COMMANDS = re.compile(
    r"(apt|cp|install|journalctl|openssl|python3|rm|systemctl|systemd-run|wallaroo\w+|/\S+) "
)
"""How a line begins that is a command, and not a name or a path in the text."""


def read_as_shown(roff: str) -> str:
    """A line of a man page without its escapes."""
    return roff.replace("\\-", "-")


def examples(page: str) -> list[str]:
    """Each example of a man page, as a reader sees it."""
    return [read_as_shown(each) for each in re.findall(r"^\.EX\n(.*?)^\.EE", page, re.S | re.M)]


@attrs.define(eq=False)
class Operator:
    """Who has a guide open, and does what it says."""

    hosts: list[Host]
    files: list[str]
    """The files that the page shows, in its order."""
    commands: frozenset[str]
    waiting: set[str]
    """The commands of the guide that have not been run yet."""

    @classmethod
    def reading(cls, page: str, hosts: list[Host]) -> "Operator":
        """Nothing of *page* is done yet."""
        shown = examples(page)
        lines = "".join(each for each in shown if not each.startswith("[")).splitlines()
        lines += map(read_as_shown, re.findall(r"^\.B (.*)", page, re.M))
        said = {line.partition("#")[0].strip() for line in lines}
        commands = frozenset(each for each in said if COMMANDS.match(each))
        files = [each for each in shown if each.startswith("[")]
        return cls(hosts, files, commands, set(commands))

    def does(self, host: Host, command: str, *, as_name: str = "", stdin: bytes = b"") -> str:
        """Run a command of the guide, from where what it mentions lies.

        What is written for *as_name* is done for *host*.
        """
        return host.run("sh", "-c", self._words(host, command, as_name), stdin=stdin)

    def fails(self, host: Host, command: str) -> str:
        """Run a command of the guide that must fail; returns what it said."""
        done = host.try_("sh", "-c", self._words(host, command, ""))
        assert done.returncode != 0, command
        return (done.stdout + done.stderr).decode()

    def _words(self, host: Host, command: str, as_name: str) -> str:
        assert command in self.commands, f"not in the guide: {command}"
        self.waiting.discard(command)
        return f"cd /root && {command.replace(as_name, host.name) if as_name else command}"

    def everywhere(self, command: str, *, as_name: str = "") -> None:
        """Run a command of the guide on all hosts at once."""
        self.each(lambda host: self.does(host, command, as_name=as_name))

    def each(self, action: Callable[[Host], object]) -> None:
        """Do *action* with all hosts at once."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(action, self.hosts))

    def sees(self, phase: str, wait_s: float = 60) -> None:
        """Wait until all workers say that they are in *phase*."""
        every = self.hosts
        wait_for(f"all are {phase}", lambda: {h.phase() for h in every} == {phase}, wait_s=wait_s)
