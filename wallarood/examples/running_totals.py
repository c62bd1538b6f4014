"""Adds up payments for each account, from JSON lines to JSON lines.

    wallarood demo running_totals --workers 3

Every account belongs to one worker, which keeps its total in memory as an object of plain Python.
"""

import argparse
from pathlib import Path

import attrs

import wallarood as w
from wallarood.examples.samples import payments_file


@attrs.frozen
class Payment:
    """One line of the input."""

    account: str
    cents: int


@attrs.frozen
class Balance:
    """One line of the output."""

    account: str
    payments: int
    cents: int


@attrs.define
class Account:
    """What is remembered for one account."""

    payments: int = 0
    cents: int = 0


@w.state_computation(state=Account)
def add_up(payment: Payment, account: Account) -> Balance:
    """Add a payment to its account."""
    account.payments += 1
    account.cents += payment.cents
    return Balance(payment.account, account.payments, account.cents)


def app(args: list[str]) -> w.Application:
    """The application: payments → by account → balances. Without --input they are made up."""
    parser = argparse.ArgumentParser("running_totals", description="add up payments")
    parser.add_argument("--input", nargs="+", metavar="FILE", default=[])
    parser.add_argument("--output", default="balances", metavar="DIR")
    chosen = parser.parse_args(args)
    paths = chosen.input or [str(payments_file(Path(chosen.output)))]
    return w.application(
        "running totals",
        w.source("payments", w.FileSource(*paths, format="json", record=Payment))
        .key_by(lambda payment: payment.account, name="by-account")
        .to(add_up)
        .to_sink(w.FileSink(chosen.output, format="json", if_exists="replace"), name="balances"),
    )
