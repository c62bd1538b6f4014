"""``python -m support.systems SYSTEM``, run in tests/, proves a system by hand: see --help."""

import argparse
import math
import shutil
import tempfile
from pathlib import Path

from support.servers.process import serving
from support.systems.elsewhere import Elsewhere
from support.systems.killing import WORDS_FED, kill_often, put_back, server_away
from support.systems.known import SYSTEMS
from support.systems.memory import server_stopped
from support.systems.progress import Progress
from support.systems.running import PIECE
from support.systems.system import System


def main() -> None:
    """Do what is asked for, check what came out, and say what was done."""
    parser = argparse.ArgumentParser(prog="support.systems", description=__doc__)
    parser.add_argument("system", choices=sorted(SYSTEMS))
    parser.add_argument("--kills", type=int, default=0, help="of workers; a quarter of the server")
    parser.add_argument("--minutes", type=float, default=math.inf, help="to kill for at most")
    parser.add_argument("--grows", type=int, default=0, help="partitions that appear meanwhile")
    parser.add_argument("--disks", type=int, default=0, help="of workers that are destroyed")
    parser.add_argument("--piece", type=int, default=PIECE, help="words fed to a part at a time")
    parser.add_argument("--away", type=float, default=0, help="seconds without the server")
    parser.add_argument("--words", type=int, default=WORDS_FED, help="between what is done")
    parser.add_argument(
        "--elsewhere", action="store_true", help="words come from elsewhere, also meanwhile"
    )
    parser.add_argument("--stopped", type=float, default=0, help="seconds, written at full speed")
    parser.add_argument("--put-back", action="store_true", help="put a kept checkpoint back")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    entry = SYSTEMS[asked.system]
    if reason := entry.missing():
        parser.error(reason)
    progress = Progress(lambda line: print(f"{asked.system}: {line}", flush=True))
    progress.stop_on_signals()
    directory = Path(tempfile.mkdtemp(prefix=f"wallarood-{asked.system}-"))
    print(f"{asked.system}: a run that fails leaves what workers said in {directory}", flush=True)
    with serving(entry.server) as server:
        system: System = entry.use(server, directory, "counted")
        if asked.elsewhere:
            system = Elsewhere(system, directory)
        if asked.away:
            said = server_away(
                system,
                directory,
                away_s=asked.away,
                words=asked.words,
                piece=asked.piece,
                seed=asked.seed,
                progress=progress,
            )
        elif asked.stopped:
            said = server_stopped(system, directory, stopped_s=asked.stopped)
        elif asked.put_back:
            said = put_back(system, directory, words=asked.words, seed=asked.seed)
        else:
            said = kill_often(
                system,
                directory,
                kills=asked.kills,
                server_kills=asked.kills // 4 if entry.is_durable else 0,
                grows=asked.grows,
                disks=asked.disks,
                piece=asked.piece,
                seed=asked.seed,
                at_most_s=60 * asked.minutes,
                progress=progress,
            )
    progress.tell_now(said)
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
