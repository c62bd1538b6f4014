"""What a contestant in Java runs from: its jars by Maven and its class, in the bench's cache."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from bench.venvs import NotInstalledError, cache

STREAMS = Path(__file__).with_name("contestants") / "streams"


def java_of(folder: Path, main: str) -> list[str]:
    """The command that runs the class *main* of *folder*, which is made if need be.

    Raises NotInstalledError: it cannot be made.
    """
    sources = sorted(folder.glob("*.java"))
    key = hashlib.sha256(b"".join(each.read_bytes() for each in [*sources, folder / "pom.xml"]))
    made = cache() / f"{folder.name}-{key.hexdigest()[:10]}"
    classpath = f"{made}:{made}/lib/*"
    if not (made / "installed").exists():
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        print(f"making {main} in {made} ...", file=sys.stderr, flush=True)
        copy = ("dependency:copy-dependencies", f"-DoutputDirectory={made}/lib")
        _run(main, "mvn", "-q", "-f", str(folder / "pom.xml"), *copy)
        _run(main, "javac", "-d", str(made), "-cp", classpath, *map(str, sources))
        (made / "installed").touch()
    log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    return ["java", "-Xms256m", "-Xmx1g", log, "-cp", classpath, main]


def _run(main: str, *command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotInstalledError(f"{main}: {command[0]}: {error.strerror}") from error
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()[-3:]
        raise NotInstalledError(f"{main}: {command[0]} failed: {' '.join(said)}")
