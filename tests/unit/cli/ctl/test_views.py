"""What `wallarooctl` shows, for people and as JSON."""

import json

import pytest
from support.admin_sockets import Workers

from wallarood.cli.ctl import main


def test_the_topology_is_a_table_or_json(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    assert main(["topology"]) == 0
    assert "in + split" in capsys.readouterr().out
    assert main(["topology", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stages"][0]["steps"] == ["in", "split"]
