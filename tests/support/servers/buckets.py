"""Buckets of a store that speaks S3, by another client than the one under test."""

from typing import Any

import attrs
import boto3
from botocore.config import Config

from support.servers.process import Server

KEY, SECRET = "tester", "open sesame"
SETTINGS = {"access_key_id": KEY}


@attrs.frozen
class Buckets:
    """A bucket of *server*, made when it is not there."""

    server: Server
    name: str
    client: Any

    @classmethod
    def of(cls, server: Server, name: str) -> "Buckets":
        """The bucket of a name."""
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{server.address}",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"},
                retries={"max_attempts": 3},
                request_checksum_calculation="when_required",
            ),
        )
        client.create_bucket(Bucket=name)
        return cls(server, name, client)

    @property
    def endpoint(self) -> str:
        """The URL of the server."""
        return f"http://{self.server.address}"

    def put(self, key: str, data: bytes | str) -> None:
        """Put an object, also in the place of another."""
        body = data.encode() if isinstance(data, str) else data
        self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        """What an object has."""
        return bytes(self.client.get_object(Bucket=self.name, Key=key)["Body"].read())

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.client.delete_object(Bucket=self.name, Key=key)

    def keys(self, prefix: str = "", suffix: str = "") -> list[str]:
        """All keys that end in *suffix*, in order."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix
        )
        found = [each["Key"] for page in pages for each in page.get("Contents", ())]
        return sorted(key for key in found if key.endswith(suffix))

    def lines(self, prefix: str = "", suffix: str = "") -> list[str]:
        """The lines of all these objects, in the order of their keys."""
        data = b"".join(self.get(key) for key in self.keys(prefix, suffix))
        return data.decode().splitlines()
