"""From the configuration to what each part is given of it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import trio

from wallarood.app.connector import SourceLimits
from wallarood.config.keys import Config
from wallarood.config.load import http_certificate
from wallarood.control.settings import NodeSettings, Timing
from wallarood.daemon.start.addresses import exposed
from wallarood.model.ids import parse_address
from wallarood.net.auth import ClusterKey, read_key
from wallarood.net.listen import NetLimits
from wallarood.net.tls import Tls, TlsFiles
from wallarood.runtime.dataflow.limits import JobLimits
from wallarood.runtime.peers.links import LinkLimits
from wallarood.runtime.worker import Settings
from wallarood.wire.records.untyped import PickleRule

if TYPE_CHECKING:
    from wallarood.admin.web.listen import HttpSettings


def credentials(config: Config) -> ClusterKey:
    """What this worker proves itself by. Raises KeyRefusedError: a file is wrong."""
    key = read_key(config["security.key-file"])
    if config["security.certificate"] is None:
        return key
    # Here and not with the handshake: a peer that refuses a certificate cannot say why.
    from wallarood.net.authority import check_certificate  # noqa: PLC0415 - only for TLS

    check_certificate(Path(config["security.certificate"]), config["worker.name"])
    files = TlsFiles(
        Path(config["security.certificate"]),
        Path(config["security.private-key"]),
        Path(config["security.authority"]),
    )
    return attrs.evolve(key, tls=Tls(files))


def certificate_files(config: Config) -> tuple[Path, ...]:
    """The files with certificates that end some day."""
    names = ("security.certificate", "security.authority", "admin.certificate")
    return tuple({Path(config[name]): None for name in names if config[name] is not None})


def http_settings(config: Config) -> "HttpSettings | None":
    """How HTTP is served over the network; None if it is not.

    Raises ConfigurationError: a file is wrong.
    """
    if config["admin.http"] is None:
        return None
    from wallarood.admin.web.listen import (  # noqa: PLC0415 - only where it is served
        HttpSettings,
        TokenFile,
        tls_of,
    )

    certificate, private_key = http_certificate(config)
    token = config["admin.token-file"]
    return HttpSettings(
        parse_address(config["admin.http"]),
        TokenFile(Path(token)).read() if token is not None else None,
        tls_of(Path(certificate), Path(private_key)) if certificate and private_key else None,
    )


def net_limits(config: Config) -> NetLimits:
    """Bounds on connections."""
    return NetLimits(
        config["timing.handshake-deadline"],
        config["limits.unauthenticated-connections-max"],
        config["limits.control-message-bytes-max"],
    )


def source_limits(config: Config) -> SourceLimits:
    """How much a source may read at once."""
    return SourceLimits(
        config["limits.batch-records-max"],
        config["limits.batch-bytes-max"],
        config["limits.record-bytes-max"],
    )


def node_settings(config: Config) -> NodeSettings:
    """What the decisions of the cluster depend on."""
    timing = Timing(
        config["timing.heartbeat"],
        config["timing.liveness-deadline"],
        config["timing.name-taken-wait"],
        config["timing.completion-wait"],
        config["checkpoint.interval"],
        config["checkpoint.deadline"],
        evict_after_s=config["cluster.evict-after"],
    )
    return NodeSettings(
        timing,
        config["application.exit-on-completion"],
        replicas=config["checkpoint.replicas"],
    )


def runtime_settings(config: Config, data: Iterable[trio.SocketListener]) -> Settings:
    """What the runtime needs. Records may be pickled only on loopback or under TLS.

    *data* are the listeners for records.
    """
    private = not exposed(data) or config["security.certificate"] is not None
    return Settings(
        job=JobLimits(
            source_limits(config),
            config["limits.inbox-batches-max"],
            config["limits.batch-time-budget"],
            config["limits.blocking-call-max"],
        ),
        links=LinkLimits(
            config["limits.window-bytes"],
            config["limits.frame-bytes-max"],
            config["timing.connect-backoff-max"],
            config["timing.heartbeat"],
            config["timing.liveness-deadline"],
        ),
        pickle=PickleRule.ALLOWED if private else PickleRule.FORBIDDEN,
        initializer_address=parse_address(config["worker.control-channel"]),
    )
