"""What a worker tells by /metrics, as Prometheus would read it."""

import http.client
import socket

from prometheus_client.parser import text_string_to_metric_families

from support.harness import WorkerProcess


def samples(worker: WorkerProcess, target: str = "/metrics") -> dict[tuple[str, ...], float]:
    """The samples of /metrics by name, worker and the values of the other labels."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(worker.state / "admin.sock"))
    connection.request("GET", target)
    text = connection.getresponse().read().decode()
    connection.close()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
