"""What copies want of their adapters is what these have."""

from typing import Protocol

import pytest

from wallarood.runtime.peers import ports
from wallarood.storage.copies.copied_files import CopiedFiles
from wallarood.storage.copies.files_to_copy import FilesToCopy
from wallarood.storage.replicas import Replicas


@pytest.mark.parametrize(
    ("protocol", "adapter"),
    [
        (ports.ReplicaStore, Replicas),
        (ports.FilesToCopy, FilesToCopy),
        (ports.CopiedFiles, CopiedFiles),
    ],
)
def test_an_adapter_has_all_that_is_wanted_of_it(protocol: type, adapter: type) -> None:
    wanted = {name for name in vars(protocol) if not name.startswith("_")}
    assert wanted
    assert wanted - set(dir(adapter)) == set()
    assert Protocol in protocol.__mro__
