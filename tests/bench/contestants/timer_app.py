"""A bare timer in W4: takes records when they are due, does nothing with them, looks at the clock.

It shows the machine's own delays, which whatever waits for a time meets as well.
"""

from bench.alarm import Alarm
from bench.job import Job, Pace, Probe, late


def main() -> None:
    job = Job.here()
    probe, pace = Probe(job), Pace(job)
    alarm: Alarm | None = None
    while (due := pace.next_due()) is not None:
        probe.reads()
        alarm = alarm or Alarm(due, pace.step)
        records = pace.due(job.batch)
        if records:
            probe.wrote(late(records))
        else:
            alarm.wait_blocking()


if __name__ == "__main__":
    main()
