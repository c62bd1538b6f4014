"""Watches a temperature: sends what is far from the running mean one way, the rest another.

    wallarood demo alerts --workers 3

`collect` brings all readings together, so that one worker keeps one mean of them all; the branch
and the two sinks after it may run on another.
"""

import argparse

import attrs

import wallarood as w

TOO_FAR = 6.0


@attrs.frozen
class Reading:
    """A temperature in degrees Celsius, and how far it is from the mean of those before."""

    number: int
    celsius: float
    distance: float = 0.0


def measure(number: int) -> Reading:
    """A made-up reading: 16 to 24 degrees, and every hundredth is eight degrees too hot."""
    swing = number * 37 % 81 / 10 - 4
    return Reading(number, 20.0 + swing + (8.0 if number % 100 == 99 else 0.0))


@attrs.define
class Mean:
    """The mean of the readings so far."""

    readings: int = 0
    celsius: float = 20.0


@w.state_computation(state=Mean)
def compare(reading: Reading, mean: Mean) -> Reading:
    """Say how far a reading is from the mean, then let it move the mean."""
    distance = reading.celsius - mean.celsius
    mean.readings += 1
    mean.celsius += distance / mean.readings
    return attrs.evolve(reading, distance=round(distance, 3))


def is_too_far(reading: Reading) -> bool:
    """Whether a person should look."""
    return abs(reading.distance) > TOO_FAR


def app(args: list[str]) -> w.Application:
    """The application: readings → distance from the mean → alerts, and all the rest."""
    parser = argparse.ArgumentParser("alerts", description="find readings far from the mean")
    parser.add_argument("--readings", type=int, default=10_000, metavar="N")
    parser.add_argument("--output", default="readings", metavar="DIR")
    chosen = parser.parse_args(args)
    alerts, normal = (
        w.source("sensor", w.GeneratorSource(measure, count=chosen.readings))
        .collect()
        .to(compare)
        .branch(is_too_far, name="too-far")
    )
    return w.application(
        "alerts",
        alerts.to_sink(
            w.FileSink(chosen.output, format="json", if_exists="replace"), name="alerts"
        ),
        normal.to_sink(
            w.FileSink(chosen.output, format="json", if_exists="replace"), name="normal"
        ),
    )
