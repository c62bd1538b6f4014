"""The example of S3, as far as it goes without a server."""

import pytest

from wallarood.examples.servers.s3_words import app
from wallarood.model.errors import UsageError


def test_it_counts_from_a_prefix_into_another() -> None:
    steps = {
        step.name: step.connector
        for step in app(["s3://in/texts/", "s3://out/counts/", "http://127.0.0.1:9000"]).steps
    }
    assert steps["texts"].bucket.url("x") == "s3://in/x"
    assert len(steps["texts"].partitions()) == 3
    assert str(steps["counts"].bucket) == "S3 bucket 'out' at 127.0.0.1:9000"


def test_it_says_what_it_wants() -> None:
    with pytest.raises(UsageError, match="expected URL-OF-TEXTS"):
        app([])
