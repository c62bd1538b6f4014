"""The rules that ship are right, each fires when it should and ends; Prometheus reads /metrics."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.clusters import full_status
from support.harness import hosts_in, wait_for
from support.ports import free_port
from support.servers import prometheus
from support.servers.process import demand

from wallarood.admin.metrics.exposition import kind_of, text_of
from wallarood.admin.status import ClusterStatus

WORKER = 'worker="alpha"'
STAGE = f'{WORKER},stage="count"'
SOURCE = f'{WORKER},source="in",partition="0"'

FAULTS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    # alert: series that go on as they do, and those that are wrong from minute 30 to minute 60
    "WallaroodWorkerDown": ({}, {'up{job="wallarood",instance="a:1"}': "1 0 1"}),
    "WallaroodPeerAway": ({}, {f'wallarood_peer_connected{{{WORKER},peer="beta"}}': "1 0 1"}),
    "WallaroodJobNotRunning": ({}, {f'wallarood_job_state{{{WORKER},state="paused"}}': "0 1 0"}),
    "WallaroodCheckpointOld": (
        {f'wallarood_job_state{{{WORKER},state="running"}}': "1+0"},
        {f"wallarood_checkpoint_age_seconds{{{WORKER}}}": "5 300 5"},
    ),
    "WallaroodCheckpointsAbandoned": (
        {},
        {f'wallarood_checkpoints_total{{{WORKER},outcome="abandoned"}}': "+0 +1 +0"},
    ),
    "WallaroodDiskRefuses": ({}, {f"wallarood_checkpoint_disk_refuses{{{WORKER}}}": "0 1 0"}),
    "WallaroodDiskNearlyFull": (
        {f"wallarood_disk_bytes{{{WORKER}}}": "1000+0"},
        {f"wallarood_disk_free_bytes{{{WORKER}}}": "500 50 500"},
    ),
    "WallaroodLagGrows": ({}, {f"wallarood_source_lag_records{{{SOURCE}}}": "+0 +5000 -5000"}),
    "WallaroodSinkOrSourceAway": ({}, {f"wallarood_stage_failing{{{STAGE}}}": "0 1 0"}),
    "WallaroodDeadLetters": (
        {f"wallarood_stage_skipped_total{{{STAGE}}}": "0+0"},
        {f"wallarood_stage_dead_letters_total{{{STAGE}}}": "+0 +2 +0"},
    ),
    "WallaroodLateRecords": (
        {f"wallarood_stage_records_in_total{{{STAGE}}}": "0+1000"},
        {f'wallarood_stage_late_total{{{STAGE},cause="window"}}': "+0 +100 +0"},
    ),
    "WallaroodRestarts": ({}, {f"wallarood_starts_total{{{WORKER}}}": "+0 +1 +0"}),
    "WallaroodCertificateEnds": (
        {},
        {f"wallarood_certificate_end_seconds{{{WORKER}}}": "100000000 1000000 100000000"},
    ),
    "WallaroodLoopDelayed": ({}, {f"wallarood_loop_delay_seconds{{{WORKER}}}": "0 3 0"}),
}
MINUTES = 30


def values(phases: str) -> str:
    """The values of a series in the notation of promtool: each phase is half an hour."""
    found, level = [], 0
    for phase in phases.split():
        if phase[0] in "+-":
            found.append(f"{level}{phase}x{MINUTES - 1}")
            level = max(0, level + int(phase) * MINUTES)
        else:
            found.append(f"{phase}+0x{MINUTES - 1}")
    return " ".join(found)


def case(alert: str, steady: dict[str, str], faulty: dict[str, str]) -> dict[str, Any]:
    """A test for promtool: nothing fires, then the alert does, and then it has ended."""
    firing = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    series = {
        **{name: f"{level}x{4 * MINUTES}" for name, level in steady.items()},
        **{name: values(f"{phases} {phases.split()[-1]}") for name, phases in faulty.items()},
    }
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": text} for name, text in series.items()],
        "promql_expr_test": [
            {"expr": firing, "eval_time": f"{minute}m", "exp_samples": expected}
            for minute, expected in (
                (25, []),
                (55, [{"labels": "{}", "value": 1}]),
                (110, []),
            )
        ],
    }


def promtool(*arguments: str, stdin: bytes = b"") -> str:
    done = subprocess.run(["promtool", *arguments], input=stdin, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


@pytest.fixture(autouse=True)
def _there_is_prometheus() -> None:
    demand(prometheus.missing())


def test_the_rules_are_accepted_and_each_alert_is_tried() -> None:
    said = promtool("check", "rules", str(prometheus.RULES))
    assert f"{len(FAULTS)} rules found" in said


@pytest.mark.parametrize("alert", FAULTS)
def test_an_alert_fires_while_there_is_a_reason_and_ends_with_it(
    alert: str, tmp_path: Path
) -> None:
    file = tmp_path / "alert.yml"
    tests = [case(alert, *FAULTS[alert])]
    file.write_text(json.dumps({"rule_files": [str(prometheus.RULES)], "tests": tests}))
    promtool("test", "rules", str(file))


def test_promtool_finds_nothing_wrong_with_the_metrics() -> None:
    text = text_of(ClusterStatus(full_status()), kind_of(""))
    assert promtool("check", "metrics", stdin=text).strip() == ""


ENDLESS = """
import wallarood as w

stream = w.source("numbers", w.GeneratorSource(rate=1000)).map(lambda number: number + 1)
app = w.application("endless", stream.to_sink(w.FileSink("endless-out")))
"""


def test_prometheus_scrapes_three_workers_and_sees_one_go(tmp_path: Path) -> None:
    file = tmp_path / "endless.py"
    file.write_text(ENDLESS)
    endless, token = str(file), "0123456789abcdef"
    (tmp_path / "token").write_text(token)
    ports = [free_port() for _ in range(3)]
    with hosts_in(tmp_path) as hosts:
        workers = []
        for name, port in zip(("alpha", "beta", "gamma"), ports, strict=True):
            more = tmp_path / f"{name}.toml"
            more.write_text(
                f'[admin]\nhttp = "127.0.0.1:{port}"\ntoken-file = "{tmp_path / "token"}"\n'
            )
            flags = ("--config", str(more))
            workers.append(hosts.start(name, endless, *flags, count=3, initializer=name == "alpha"))
        wait_for("they run", lambda: all(each.phase() == "running" for each in workers))
        targets = [f"127.0.0.1:{port}" for port in ports]
        server = prometheus.scraping(tmp_path, free_port(), targets, token)
        server.start()
        try:
            running = 'wallarood_job_state{state="running"} == 1'
            wait_for(
                "all are seen",
                lambda: set(prometheus.asked(server, running)) == {"alpha", "beta", "gamma"},
            )
            rate = "sum by (worker) (rate(wallarood_source_records_total[10s]))"
            wait_for("they read", lambda: sum(prometheus.asked(server, rate).values()) > 100)
            workers[2].process.kill()
            workers[2].wait()
            pending = 'ALERTS{alertname=~"WallaroodWorkerDown|WallaroodPeerAway"}'
            wait_for(
                "both alerts are pending",
                lambda: (
                    set(prometheus.asked(server, pending))
                    == {"WallaroodWorkerDown", "WallaroodPeerAway"}
                ),
            )
        finally:
            server.kill()
