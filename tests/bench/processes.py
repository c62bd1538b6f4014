"""Runs one contestant once: starts its processes, waits for them, reads what they measured."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from support.bound import bound

from bench import files, timedata
from bench.job import Job, Result, result_in
from bench.venvs import python_of

TESTS = Path(__file__).parents[1]
WAIT_S = 600.0


class RunFailedError(Exception):
    """A contestant ended with an error, or not at all; the message has its last words."""


def free_ports(count: int) -> list[int]:
    """Free TCP ports of loopback, all different."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def ours_commands(
    job: Job, workers: int, directory: Path, application: str = "ours:app"
) -> list[list[str]]:
    """`wallarood run` for each worker: at its defaults, but for the interval of W4 and W7."""
    [port] = free_ports(1)
    if job.workload in timedata.SIZES:
        application = "ours_timed:app"
    application = {"W4": "ours_latency:app", "W7": "ours_growth:app"}.get(job.workload, application)
    config = directory / "bench.toml"
    if job.workload in ("W4", "W7"):
        config.write_text(f'checkpoint.interval = "{job.checkpoint_s or 3600}s"\n')
    else:
        config.write_text("")
    return [
        [
            *(
                "-m",
                "wallarood",
                "run",
                f"bench.contestants.{application}",
                "--config",
                str(config),
            ),
            *("--worker-name", f"worker-{number}", "--worker-count", str(workers)),
            *("--control-channel", f"127.0.0.1:{port}", "--exit-on-completion"),
            *("--state-directory", str(directory / f"state-{number}"), "--log-level", "warning"),
            *(("--topology-initializer",) if number == 0 else ()),
            *(("--profile", f"{job.profile}{number}.json") if job.profile else ()),
        ]
        for number in range(workers)
    ]


def bytewax_commands(job: Job, workers: int, directory: Path) -> list[list[str]]:
    """`python -m bytewax.run`: one process, or several that know each other's addresses."""
    module = "bytewax_latency" if job.workload == "W4" else "bytewax_flow"
    if job.workload in timedata.SIZES:
        module = "bytewax_timed"
    run = ["-m", "bytewax.run", f"bench.contestants.{module}:flow"]
    if job.checkpoint_s:
        run += ["-r", str(directory / "recovery"), "-s", str(job.checkpoint_s), "-b", "0"]
    if workers == 1:
        return [run]
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(workers))
    return [[*run, "-i", str(number), "-a", addresses] for number in range(workers)]


def commands_of(contestant: str, job: Job, *, workers: int, directory: Path) -> list[list[str]]:
    """The arguments to Python of each process."""
    if contestant == "ours":
        return ours_commands(job, workers, directory)
    if contestant == "aggregated":
        return ours_commands(job, workers, directory, "ours:aggregated")
    if contestant == "bytewax":
        return bytewax_commands(job, workers, directory)
    if contestant == "loop":
        module = "loop_growth" if job.workload == "W7" else "loop"
        return [["-m", f"bench.contestants.{module}"] for _ in range(workers)]
    kind = "timed" if job.workload in timedata.SIZES else "app"
    return [["-m", f"bench.contestants.{contestant}_{kind}"] for _ in range(workers)]


@contextlib.contextmanager
def started(
    contestant: str, job: Job, *, workers: int, interpreter: str = sys.executable
) -> Iterator[list[subprocess.Popen[str]]]:
    """The processes of one run; what still lives at the end of the block is killed."""
    python = python_of(contestant, interpreter)
    directory = Path(job.out)
    processes: list[subprocess.Popen[str]] = []
    if contestant == "bytewax" and job.checkpoint_s:
        (directory / "recovery").mkdir()
        recovery = [str(python), "-m", "bytewax.recovery", str(directory / "recovery")]
        subprocess.run([*recovery, str(workers)], check=True)
    more: dict[str, str] = {"WALLAROOD_BENCH_WORKERS": str(workers)}
    if contestant == "pathway":
        files.write(job, directory / "input")
        [port] = free_ports(1)
        more |= {"PATHWAY_PROCESSES": str(workers), "PATHWAY_FIRST_PORT": str(port)}
    commands = commands_of(contestant, job, workers=workers, directory=directory)
    try:
        for number, command in enumerate(commands):
            mine = job._replace(part=number)
            said = (directory / f"stderr-{number}").open("w")
            processes.append(
                subprocess.Popen(
                    bound(str(python), *command),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    text=True,
                    cwd=directory,
                    env={
                        "PYTHONHASHSEED": "0",
                        **os.environ,
                        **mine.environment(),
                        "PYTHONPATH": str(TESTS),
                        "PATHWAY_PROCESS_ID": str(number),
                        **more,
                    },
                )
            )
            said.close()
        yield processes
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()


@contextlib.contextmanager
def running(
    contestant: str, job: Job, *, workers: int, interpreter: str = sys.executable
) -> Iterator[Callable[[], Result]]:
    """One run of *contestant* on *job*: a function that waits for its result.

    The function raises RunFailedError. Raises NotInstalledError.
    """
    with tempfile.TemporaryDirectory(prefix="wallarood-bench-") as folder:
        job = job._replace(out=folder)
        with started(contestant, job, workers=workers, interpreter=interpreter) as processes:
            if contestant == "loop":
                _let_go(processes)
            yield lambda: _result(contestant, processes, Path(folder))


def run_once(
    contestant: str, job: Job, *, workers: int, interpreter: str = sys.executable
) -> Result:
    """Run *contestant* once on *job*. Raises RunFailedError, NotInstalledError."""
    with running(contestant, job, workers=workers, interpreter=interpreter) as result:
        return result()


def _let_go(processes: list[subprocess.Popen[str]]) -> None:
    """Loops begin at the same time, once all of them are ready."""
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write("go\n")
            process.stdin.flush()


def _result(contestant: str, processes: list[subprocess.Popen[str]], folder: Path) -> Result:
    for number, process in enumerate(processes):
        try:
            code = process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            raise RunFailedError(f"{contestant} has not ended in {WAIT_S} s") from None
        if code:
            said = (folder / f"stderr-{number}").read_text()
            raise RunFailedError(f"{contestant} ended {code}: {said[-2000:]}")
    try:
        return result_in(folder)
    except ValueError as error:
        said = (folder / "stderr-0").read_text()
        raise RunFailedError(f"{contestant}: {error}: {said[-2000:]}") from error
