"""Apache Kafka: one node in KRaft mode, from Maven Central's jars (`make servers`)."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import attrs

from support.ports import free_port
from support.servers.certificates import Certificates
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
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""
"""A broker that was killed is let in again only when its session is over: after 9 s by default."""

LISTENER = """
listener.name.{name}.ssl.keystore.type=PEM
listener.name.{name}.ssl.keystore.location={both}
listener.name.{name}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.{name}.plain.sasl.jaas.config=\\
  org.apache.kafka.common.security.plain.PlainLoginModule required \\
  user_app="open sesame" user_poor="open sesame";
listener.name.{name}.scram-sha-512.sasl.jaas.config=\\
  org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
ACCESS = """
inter.broker.listener.name=PLAINTEXT
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:app;User:scram
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
    settings = PROPERTIES.format(port=port, controller=free_port(), directory=directory)
    return _formatted(directory, port, settings)


def _formatted(directory: Path, port: int, settings: str, *options: str) -> Server:
    properties = directory / "server.properties"
    properties.write_text(settings)
    tool = ("kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER, *options)
    subprocess.run(java(*tool, "-c", str(properties)), check=True, capture_output=True)
    command = java("kafka.Kafka", str(properties))
    return Server("kafka", command, directory, port, lambda: answers(port))


@attrs.frozen
class Secured:
    """A broker with a listener for each certificate; whoever comes in clear may do everything.

    The users are `app`, who may do everything too, and `poor`, who may do nothing, by PLAIN; and
    `scram`, who may do everything, by SCRAM. The password is always `open sesame`.
    """

    server: Server
    certificates: Certificates
    addresses: Mapping[str, str]
    """By certificate: good, expired, elsewhere."""


def secured(directory: Path, port: int) -> Secured:
    """A `Secured` broker that is not yet started."""
    certificates = Certificates.made_in(directory / "certificates")
    ports = {name: free_port() for name in ("good", "expired", "elsewhere")}
    listeners = "".join(f",{name.upper()}://127.0.0.1:{each}" for name, each in ports.items())
    protocols = "".join(f",{name.upper()}:SASL_SSL" for name in ports)
    settings = PROPERTIES.format(port=port, controller=free_port(), directory=directory)
    lines = []
    for line in settings.splitlines():
        added = listeners if line.startswith(("listeners=", "advertised.listeners=")) else ""
        lines.append(line + added)
    lines.append(
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT" + protocols
    )
    for name in ports:
        lines.append(LISTENER.format(name=name, both=getattr(certificates, name).both))
    scram = "SCRAM-SHA-512=[name=scram,password=open sesame]"
    server = _formatted(directory, port, "\n".join([*lines, ACCESS]), "--add-scram", scram)
    addresses = {name: f"127.0.0.1:{each}" for name, each in ports.items()}
    return Secured(server, certificates, addresses)
