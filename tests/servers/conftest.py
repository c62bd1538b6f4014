"""The servers: one of each for all tests of a run that are on the same process."""

from collections.abc import Iterator

import pytest
from support.servers import hooks as web_hooks
from support.servers import kafka as kafkas
from support.servers import mosquitto as mosquittos
from support.servers import moto as motos
from support.servers import nats as natses
from support.servers import postgres as postgreses
from support.servers import redis as redises
from support.servers import s3proxy as stores
from support.servers import sqlite as sqlites
from support.servers.process import Server, demand, serving


@pytest.fixture(scope="session")
def kafka() -> Iterator[Server]:
    """A broker of Apache Kafka."""
    demand(kafkas.missing())
    with serving(kafkas.broker) as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[Server]:
    """A Redis that writes to disk before it answers."""
    demand(redises.missing())
    with serving(redises.server) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL with logical replication."""
    demand(postgreses.missing())
    with serving(postgreses.server) as server:
        yield server


@pytest.fixture(scope="session")
def nats() -> Iterator[Server]:
    """A NATS with JetStream."""
    demand(natses.missing())
    with serving(natses.server) as server:
        yield server


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[Server]:
    """A broker of MQTT."""
    demand(mosquittos.missing())
    with serving(mosquittos.broker) as server:
        yield server


@pytest.fixture(scope="session")
def hooks() -> Iterator[Server]:
    """An HTTP server that takes requests by their keys, and sends events."""
    with serving(web_hooks.server) as server:
        yield server


@pytest.fixture
def sqlite() -> Iterator[Server]:
    """A process that writes into the files of a test, in the place of a server."""
    with serving(sqlites.server) as server:
        yield server


@pytest.fixture(scope="session")
def moto() -> Iterator[Server]:
    """A mock of S3."""
    demand(motos.missing())
    with serving(motos.server) as server:
        yield server


@pytest.fixture(scope="session")
def store() -> Iterator[Server]:
    """A store of objects that keeps them on disk."""
    demand(stores.missing())
    with serving(stores.server) as server:
        yield server
