"""How many partitions workers can agree on: said at start, and not found out by silence."""

from typing import Any

import pytest

import wallarood as w
from wallarood.control.formation.founding import FormationSettings, propose
from wallarood.model.errors import ApplicationError
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import Envelope, Listing, Member
from wallarood.planning.listings import PROPOSAL_BYTES_MAX, check_size, list_partitions
from wallarood.planning.plan import plan
from wallarood.wire.control import MESSAGE_BYTES_MAX, encode


def listings(workers: int, names: list[str]) -> tuple[tuple[str, tuple[Listing, ...]], ...]:
    return tuple((f"worker-{number}", (Listing("n", tuple(names)),)) for number in range(workers))


@pytest.mark.parametrize(("workers", "length"), [(1, 80), (5, 6)])
def test_too_many_are_refused_with_how_many_there_may_be(workers: int, length: int) -> None:
    names = [f"{number:0{length}}" for number in range(300_000)]

    with pytest.raises(ApplicationError, match=r"'n' has 300,000 partitions.* fewer") as refused:
        check_size(listings(workers, names))

    fitting = int(str(refused.value).partition("): ")[2].partition(" ")[0].replace(",", ""))
    assert 2_000 < fitting < 300_000
    check_size(listings(workers, names[:fitting]))


def test_a_plan_refuses_them_too() -> None:
    app = w.application(
        "many",
        w.source("n", w.GeneratorSource(count=1, partitions=300_000)).to_sink(w.StdoutSink()),
    )
    listed = list_partitions(app)

    with pytest.raises(ApplicationError, match=r"'n' has 300,000 partitions"):
        plan(app, ("alpha", "beta"), (("alpha", listed), ("beta", listed)))


def test_what_is_allowed_fits_into_a_message() -> None:
    names = [f"{number:020}ä" for number in range(300_000)]
    with pytest.raises(ApplicationError) as refused:
        check_size(listings(3, names))
    fitting = int(str(refused.value).partition("): ")[2].partition(" ")[0].replace(",", ""))
    listed = Listing("n", tuple(names[:fitting]))
    app = w.application(
        "many", w.source("n", w.GeneratorSource(count=1, partitions=9)).to_sink(w.StdoutSink())
    )
    members = [
        Member(f"worker-{number}", Address("::1", 1), Address("::1", 2), Incarnation(1, "n"))
        for number in range(3)
    ]

    def planned(*given: Any) -> Any:
        return plan(app, *given)

    founders = [
        FormationSettings(
            member,
            "0" * 32,
            "many",
            app.fingerprint,
            3,
            (listed,),
            lambda *given: plan(app, *given),
        )
        for member in members
    ]

    proposal = propose(founders[0], "0" * 32, [each.join(nonce="1" * 32) for each in founders[1:]])
    sent = encode(Envelope("", 0, 0, 0, proposal))

    assert len(sent) <= MESSAGE_BYTES_MAX
    assert len(sent) >= PROPOSAL_BYTES_MAX // 2
