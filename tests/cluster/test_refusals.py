"""Every refusal: a clear message at both ends, the right exit code, and the cluster goes on."""

import json
import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from support.harness import Hosts, WorkerProcess, hosts_in, wait_for

from wallarood.logs import REPEATS_MAX
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import Envelope, Join, Member, Refused
from wallarood.net.auth import ClusterKey
from wallarood.net.authority import issue, make_authority
from wallarood.net.control import dial_control
from wallarood.net.listen import NetLimits
from wallarood.wire.control import decode, encode


def running_cluster(hosts: Hosts, application: str, *flags: str) -> list[WorkerProcess]:
    workers = hosts.start_cluster(2, application, *flags)
    wait_for("a running cluster", lambda: all(each.phase() == "running" for each in workers))
    return workers


def still_works(workers: list[WorkerProcess]) -> None:
    """The sources go on reading."""
    wait_for("they run", lambda: all(worker.phase() == "running" for worker in workers))
    before = records_read(workers)
    wait_for("records flow", lambda: records_read(workers) > before)


def records_read(workers: list[WorkerProcess]) -> int:
    statuses = [worker.status() for worker in workers]
    return sum(source.records for each in statuses if each for source in each.sources)


def says(worker: WorkerProcess, pattern: str) -> None:
    wait_for(f"{worker.name} says {pattern!r}", lambda: re.search(pattern, worker.said))


def refused(worker: WorkerProcess, pattern: str, code: int = 76) -> None:
    assert worker.wait() == code, worker.said
    assert re.search(pattern, worker.said), worker.said
    assert "Traceback" not in worker.said


def test_a_worker_too_many(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = running_cluster(hosts, endless)
        refused(hosts.start("gamma", endless, count=2), "is full; its")
        says(cluster[0], "is full; its")
        still_works(cluster)


def test_a_name_that_a_running_member_has(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = running_cluster(hosts, endless)
        other = hosts.start("beta", endless, count=2, state=tmp_path / "other")
        refused(other, "beta is a member of wc-.* if this is another worker, give it another name")
        says(cluster[0], "refused: beta is a member")
        still_works(cluster)


def test_a_name_that_another_joining_worker_has(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        alpha = hosts.start("alpha", endless, count=3, initializer=True)
        beta = hosts.start("beta", endless, count=3)
        says(alpha, "beta has joined")
        refused(
            hosts.start("beta", endless, count=3, state=tmp_path / "o"), "duplicate worker name"
        )
        says(alpha, "refused: duplicate worker name: beta is connected and alive")
        gamma = hosts.start("gamma", endless, count=3)
        wait_for("running", lambda: all(w.phase() == "running" for w in (alpha, beta, gamma)))


def test_another_worker_count(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = running_cluster(hosts, endless)
        refused(hosts.start("gamma", endless, count=3), "another worker count")
        says(cluster[0], "refused: another worker count: gamma expects 3 workers, alpha 2")
        still_works(cluster)


def test_another_application_with_the_difference_spelled_out(tmp_path: Path, endless: str) -> None:
    other = tmp_path / "other.py"
    other.write_text(
        Path(endless)
        .read_text()
        .replace("% 97, name", "% 7, name")
        .replace("state_computation(state=Seen)", "state_computation(state=Seen, partitions=16)")
    )
    with hosts_in(tmp_path) as hosts:
        alpha = hosts.start("alpha", endless, count=2, initializer=True)
        wait_for("alpha answers", alpha.status)
        wrong = hosts.start("beta", str(other), count=2)
        refused(wrong, "another application")
        assert re.search(r"-.*256 partitions", wrong.said), wrong.said
        assert re.search(r"\+.*16 partitions", wrong.said), wrong.said
        says(alpha, "refused: another application")
        beta = hosts.start("beta", endless, count=2)
        wait_for("running", lambda: alpha.phase() == beta.phase() == "running")


def test_another_protocol_version(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = running_cluster(hosts, endless)
        where = Address("127.0.0.1", hosts.port)
        member = Member("gamma", where, where, Incarnation(1, "x"))
        join = Join(member, "00", "endless", (), 99, 2, False, ())

        async def ask() -> object:
            async with dial_control(where, key=ClusterKey(), limits=NetLimits()) as channel:
                channel.send(encode(Envelope("", 0, 0, 0, join)))
                return decode(await channel.receive()).message

        answer = trio.run(ask)
        assert isinstance(answer, Refused)
        assert "gamma speaks protocol version 99" in answer.reason
        says(cluster[0], "refused: gamma speaks protocol version 99")
        still_works(cluster)


def test_a_wrong_cluster_id(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = running_cluster(hosts, endless)
        wrong = hosts.start("gamma", endless, "--cluster-id", "wc-00000000000000000000", count=2)
        refused(wrong, "wrong cluster ID")
        says(cluster[0], "refused: wrong cluster ID: gamma asks for wc-0000")
        still_works(cluster)


@pytest.mark.parametrize("other", ["wrong", "none"])
def test_a_wrong_or_missing_key(tmp_path: Path, endless: str, other: str) -> None:
    (tmp_path / "key").write_text("k" * 64)
    (tmp_path / "wrong").write_text("w" * 64)
    with hosts_in(tmp_path) as hosts:
        cluster = running_cluster(hosts, endless, "--key-file", str(tmp_path / "key"))
        flags = () if other == "none" else ("--key-file", str(tmp_path / "wrong"))
        refused(hosts.start("gamma", endless, *flags, count=2), "cluster key", 77)
        says(cluster[0], "cluster key")
        still_works(cluster)
        assert "kkkk" not in cluster[0].said


def test_two_initializers(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        alpha = hosts.start("alpha", endless, count=2, initializer=True)
        wait_for("alpha answers", alpha.status)
        refused(hosts.start("omega", endless, count=2, initializer=True), "two initializers")
        says(alpha, "refused: two initializers")
        beta = hosts.start("beta", endless, count=2)
        wait_for("running", lambda: alpha.phase() == beta.phase() == "running")


def test_no_initializer_within_the_deadline(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path, formation="1s") as hosts:
        refused(hosts.start("beta", endless, count=2), "initializer was not found", 69)


def test_workers_that_never_come(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path, formation="1s") as hosts:
        alpha = hosts.start("alpha", endless, count=3, initializer=True)
        refused(alpha, r"waiting for 2 of 3 workers to join \(here: alpha\)", 69)


def test_a_state_directory_in_use(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = running_cluster(hosts, endless)
        second = hosts.start("beta", endless, count=2, state=cluster[1].state)
        refused(second, f"in use by process {cluster[1].process.pid}", 75)
        still_works(cluster)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "newer", "not a file"])
def test_a_damaged_cluster_record(tmp_path: Path, endless: str, damage: str) -> None:
    with hosts_in(tmp_path) as hosts:
        first = hosts.start("alpha", endless)
        wait_for("running", lambda: first.phase() == "running")
        first.process.terminate()
        assert first.wait() == 0
        record = first.state / "cluster" / "record.json"
        data = record.read_bytes()
        record.unlink()
        match damage:
            case "truncated":
                record.write_bytes(data[: len(data) // 2])
            case "flipped":
                record.write_bytes(data.replace(b'"epoch": 1', b'"epoch": 2'))
            case "newer":
                document = json.loads(data)
                record.write_text(json.dumps({**document, "schema": 99}))
            case _:
                record.mkdir()
        refused(hosts.start("alpha", endless), "record.json", 65)


def test_an_address_that_is_not_loopback_without_a_key(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        refused(hosts.start("alpha", endless, "--listen-data", "0.0.0.0:0"), "no cluster key", 78)


def test_a_cluster_with_certificates_and_a_stranger(tmp_path: Path, endless: str) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for place in (ours, theirs):
        make_authority(place)

    def flags(name: str, by: Path = ours) -> tuple[str, ...]:
        out = tmp_path / f"{by.name}-{name}"
        issue(by, name, out, days=10)
        (out / "tls.toml").write_text(
            f'[security]\ncertificate = "{out}/worker.crt"\nprivate-key = "{out}/worker.key"\n'
            f'authority = "{out}/ca.crt"\n'
        )
        return ("--config", str(out / "tls.toml"))

    with hosts_in(tmp_path) as hosts:
        cluster = [
            hosts.start("alpha", endless, *flags("alpha"), count=2, initializer=True),
            hosts.start("beta", endless, *flags("beta"), count=2),
        ]
        wait_for("a running cluster", lambda: all(each.phase() == "running" for each in cluster))
        refused(hosts.start("gamma", endless, *flags("gamma", theirs), count=2), "certificate", 77)
        refused(hosts.start("gamma", endless, count=2), "the peer speaks TLS only", 77)
        refused(hosts.start("gamma", endless, *flags("beta"), count=2), "it belongs to 'beta'", 77)
        still_works(cluster)


def test_who_knocks_again_and_again_does_not_fill_the_log(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = running_cluster(hosts, endless)
        [port] = re.findall(r"control=127\.0\.0\.1:(\d+)", cluster[0].said)
        for _ in range(10 * REPEATS_MAX):
            with socket.create_connection(("127.0.0.1", int(port)), 10) as knocking:
                knocking.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(100))
                with suppress(ConnectionResetError):
                    while knocking.recv(1000):
                        pass
        assert cluster[0].said.count("connection dropped") == REPEATS_MAX
        still_works(cluster)
