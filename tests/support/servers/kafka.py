"""Apache Kafka: one node in KRaft mode, from Maven Central's jars (`make servers`)."""

import subprocess
from pathlib import Path

from support.harness import free_port
from support.servers.process import Server, answers, no_program

LIBRARIES = Path(__file__).parents[2] / "servers" / "kafka" / "lib"
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"
PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={directory}/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
log.retention.check.interval.ms=500
log.cleaner.backoff.ms=500
log.initial.task.delay.ms=500
"""


def missing() -> str:
    """Why there can be no broker here; empty if there can."""
    if not any(LIBRARIES.glob("kafka_*.jar")):
        return f"Kafka's jars are not in {LIBRARIES}: run `make servers`"
    return no_program("java")


def java(*arguments: str) -> list[str]:
    """A command that runs a class of Kafka, small and quick to start."""
    options = ("-Xms192m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return ["java", *options, log, "-cp", f"{LIBRARIES}/*", *arguments]


def broker(directory: Path, port: int) -> Server:
    """A broker, its storage formatted but not started."""
    properties = directory / "server.properties"
    properties.write_text(PROPERTIES.format(port=port, controller=free_port(), directory=directory))
    tool = ("kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER)
    subprocess.run(java(*tool, "-c", str(properties)), check=True, capture_output=True)
    command = java("kafka.Kafka", str(properties))
    return Server("kafka", command, directory, port, lambda: answers(port))
