"""The end of a job whose inputs have all ended."""

from typing import TypeAlias

import attrs


@attrs.frozen
class Drained:
    """All instances on the sender have seen the end of their inputs."""


@attrs.frozen
class Published:
    """The sender's sinks have published the final checkpoint."""


@attrs.frozen
class Completed:
    """All workers have published: the job is done."""


CompletionMessage: TypeAlias = Drained | Published | Completed
"""All that workers say in this protocol."""
