"""Finds cards that are used too often, or in two countries within a short time.

    wallarood demo fraud --workers 3

More than three payments of a card in a minute, or payments in two countries in ten minutes, are an
alert. A card's recent payments are its state; a timer forgets each of them when its ten minutes are
over. `in_order=True` lets payments come by their time, however they arrive.
"""

import argparse

import attrs

import wallarood as w

MINUTE_US = 60_000_000
OFTEN = 3
CARDS = 200
COUNTRIES = ("DE", "FR", "IT", "PL")


@attrs.frozen
class Payment:
    """A payment by card, at a time in microseconds since 1970 UTC."""

    number: int
    card: int
    country: str
    at: int


@attrs.frozen
class Alert:
    """Why somebody should look at a card."""

    card: int
    payment: int
    reason: str


def payment(number: int) -> Payment:
    """A made-up payment, a second after the one before; some cards are used oddly."""
    card = number * 31 % CARDS
    if number % 500 > 495:
        card = number // 500 % CARDS
    country = COUNTRIES[(card + (number % 997 == 0)) % len(COUNTRIES)]
    return Payment(number, card, country, number * 1_000_000)


@attrs.define
class Recent:
    """The payments of a card in the last ten minutes, the oldest first."""

    payments: list[Payment] = attrs.field(factory=list)


def forget(name: str, recent: Recent, timers: w.Timers) -> None:  # noqa: ARG001 - there is one
    """Forget payments of which ten minutes are over, and wait for the next."""
    oldest = timers.watermark - 10 * MINUTE_US
    recent.payments = [each for each in recent.payments if each.at > oldest]
    if recent.payments:
        timers.at(recent.payments[0].at + 10 * MINUTE_US, "forget")


@w.state_computation_timed(state=Recent, on_timer=forget, ttl="1h", in_order=True)
def judge(payment: Payment, recent: Recent, timers: w.Timers) -> Alert | None:
    """Say what is odd about a payment, if anything."""
    recent.payments.append(payment)
    timers.at(recent.payments[0].at + 10 * MINUTE_US, "forget")
    last_minute = [each for each in recent.payments if each.at > payment.at - MINUTE_US]
    if len(last_minute) > OFTEN:
        return Alert(payment.card, payment.number, f"{len(last_minute)} payments in a minute")
    countries = sorted({each.country for each in recent.payments})
    if len(countries) > 1:
        return Alert(payment.card, payment.number, f"used in {' and '.join(countries)}")
    return None


def app(args: list[str]) -> w.Application:
    """The application: payments by card → alerts."""
    parser = argparse.ArgumentParser("fraud", description="find cards that are used oddly")
    parser.add_argument("--payments", type=int, default=20_000, metavar="N")
    parser.add_argument("--output", default="alerts", metavar="DIR")
    chosen = parser.parse_args(args)
    return w.application(
        "fraud",
        w.source(
            "payments",
            w.GeneratorSource(payment, count=chosen.payments),
            time=w.event_time(lambda payment: payment.at, unit="us", out_of_order="1min"),
        )
        .key_by(lambda payment: payment.card)
        .to(judge)
        .to_sink(w.FileSink(chosen.output, format="json", if_exists="replace"), name="alerts"),
    )
