"""S3Proxy: a store that speaks S3 and keeps objects as files (`make servers` fetches it)."""

from pathlib import Path

from support.servers.buckets import KEY, SECRET
from support.servers.process import Server, answers, no_program

LIBRARIES = Path(__file__).parents[2] / "servers" / "s3" / "lib"
PROPERTIES = """
s3proxy.endpoint=http://127.0.0.1:{port}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity={key}
s3proxy.credential={secret}
jclouds.provider=filesystem-nio2
jclouds.identity=local
jclouds.credential=local
jclouds.filesystem.basedir={directory}/data
"""


def missing() -> str:
    """Why there can be no store here; empty if there can."""
    if not any(LIBRARIES.glob("s3proxy-*.jar")):
        return f"S3Proxy's jars are not in {LIBRARIES}: run `make servers`"
    return no_program("java")


def server(directory: Path, port: int) -> Server:
    """A store that is not yet started."""
    (directory / "data").mkdir()
    file = directory / "s3proxy.conf"
    file.write_text(PROPERTIES.format(port=port, key=KEY, secret=SECRET, directory=directory))
    options = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    level = "-DLOG_LEVEL=warn"
    main = ("org.gaul.s3proxy.Main", "--properties", str(file))
    command = ["java", *options, level, "-cp", f"{LIBRARIES}/*", *main]
    return Server("s3proxy", command, directory, port, lambda: answers(port))
