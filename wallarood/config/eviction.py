"""What does not fit together where members are evicted without an operator."""

from wallarood.config.keys import Config

KEY = "cluster.evict-after"


def wrong_eviction(config: Config) -> list[str]:
    """Why members could not be evicted without an operator, though that is configured."""
    if config[KEY] is None:
        return []
    problems, place = [], f"{config.origin(KEY)}: {KEY}"
    if config["worker.count"] == 2:
        problems.append(
            f"{place}: one of two workers is no majority, so neither may evict the other: use "
            "three workers, or evict by hand (wallarooctl evict --certified-dead)"
        )
    if config["checkpoint.replicas"] < 1:
        problems.append(
            f"{place}: without a copy of its state no member can be evicted: set "
            "checkpoint.replicas to 1"
        )
    return problems
