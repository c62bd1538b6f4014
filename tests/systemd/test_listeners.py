"""While a worker restarts or is killed, who connects to it waits and is not refused."""

import json
import subprocess

import pytest
from support.command import end_of
from support.harness import wait_for
from support.lab import Host

CONFIGURATION = """
[worker]
control-channel = "127.0.0.1:7700"

[application]
target = "orders"
path = ["/opt/orders"]

[checkpoint]
interval = "200ms"
"""

ORDERS = """
import wallarood as w


@w.computation
def number(payload: bytes) -> str:
    return payload.decode()


app = w.application(
    "orders",
    w.source("orders", w.TcpSource("127.0.0.1:7710")).to(number).to_sink(w.FileSink("orders")),
)
"""

LOOPBACK = """
[Socket]
ListenStream=
ListenStream=127.0.0.1:7700
"""

CLIENT = """
import json, pathlib, socket, sys, threading, time

sys.path.insert(0, "/usr/lib/wallarood")
from wallarood.client import SourceClient

stop, refused, tried = pathlib.Path("/srv/stop"), [], 0


def knock():
    global tried
    while not stop.exists():
        for port in (7700, 7710):
            tried += 1
            try:
                socket.create_connection(("127.0.0.1", port), 10).close()
            except OSError as error:
                refused.append(f"{port}: {error}")
        time.sleep(0.01)


knocking = threading.Thread(target=knock)
knocking.start()
sent = 0
with SourceClient("127.0.0.1:7710", "till") as client:
    while not stop.exists():
        client.send(str(sent).encode())
        sent += 1
        time.sleep(0.01)
    client.flush()
knocking.join()
print(json.dumps({"sent": sent, "refused": refused, "tried": tried}))
"""


def output(host: Host) -> list[int]:
    return [
        int(line)
        for line in host.run("sh", "-c", "cat /var/lib/wallarood/orders/* || true").split()
    ]


@pytest.mark.parametrize(
    "sockets", [pytest.param("held by systemd", marks=pytest.mark.long), "of socket units"]
)
def test_nobody_is_refused_and_nothing_is_lost(host: Host, sockets: str) -> None:
    host.run("sh", "-c", "systemctl stop wallarood; rm -rf /srv/stop /var/lib/wallarood/*")
    host.put("/etc/wallaroo/wallarood.toml", CONFIGURATION)
    host.put("/opt/orders/orders.py", ORDERS)
    host.put("/opt/orders/client.py", CLIENT)
    if sockets == "of socket units":
        host.put("/etc/systemd/system/wallarood.socket.d/loopback.conf", LOOPBACK)
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "start", "wallarood.socket", "wallarood-source@orders.socket")
    host.run("systemctl", "start", "wallarood")
    wait_for("it runs", lambda: host.phase() == "running")

    client = subprocess.Popen(
        host.lab.inside("run", host.name, "/usr/bin/python3", "/opt/orders/client.py"),
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        for turn in range(3):
            before = len(output(host))
            wait_for("records flow", lambda before=before: len(output(host)) > before + 50)
            if turn == 1:
                host.run("systemctl", "kill", "-s", "KILL", "wallarood")
            else:
                host.run("systemctl", "restart", "wallarood")
        wait_for("it runs", lambda: host.phase() == "running")
        host.put("/srv/stop", "")
        said, _ = end_of(client)
    finally:
        client.kill()
        client.wait()
    told = json.loads(said)
    assert told["refused"] == []
    assert told["tried"] > 200
    wait_for("all are published", lambda: len(output(host)) >= told["sent"])
    assert output(host) == list(range(told["sent"]))
