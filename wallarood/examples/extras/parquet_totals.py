"""Adds up payments for each account, from files of Parquet to files of Parquet.

``wallarood dev wallarood.examples.extras.parquet_totals --workers 3 -- payments/ totals/``
"""

import attrs

import wallarood as w
from wallarood.model.errors import UsageError


@attrs.frozen
class Payment:
    """A row of the input, which may have further columns."""

    account: str
    cents: int


@attrs.frozen
class Total:
    """A row of the output."""

    account: str
    payments: int
    cents: int


@attrs.define
class Account:
    """What is remembered for one account."""

    payments: int = 0
    cents: int = 0


@w.state_computation(state=Account)
def add_up(payment: Payment, account: Account) -> Total:
    """Add a payment to its account."""
    account.payments += 1
    account.cents += payment.cents
    return Total(payment.account, account.payments, account.cents)


def app(args: list[str]) -> w.Application:
    """Arguments: a directory or pattern of files of Parquet, and a directory for the totals."""
    if len(args) != 2:
        raise UsageError("parquet_totals: expected PAYMENTS TOTALS")
    payments, totals = args
    return w.application(
        "parquet-totals",
        w.source("payments", w.FileSource(payments, format="parquet", record=Payment))
        .key_by(lambda payment: payment.account, name="by-account")
        .to(add_up)
        .to_sink(w.FileSink(totals, format="parquet", record=Total), name="totals"),
    )
