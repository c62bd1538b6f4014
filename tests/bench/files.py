"""Input as files, for those who read files faster than what Python hands them record by record."""

from pathlib import Path

from bench import timedata
from bench.data import records_of
from bench.job import Job


def write(job: Job, directory: Path) -> None:
    """A file for each part: lines of text in W1, CSV in W2, lines of JSON in W3."""
    directory.mkdir()
    if job.workload in timedata.SIZES:
        _write_sides(job, directory)
        return
    for part in range(job.parts):
        records = records_of(job.workload, job.size, part=part, parts=job.parts, seed=job.seed)
        with (directory / f"{part}").open("w") as file:
            if job.workload == "W2":
                file.write("key,value\n")
                file.writelines(f"{key},{value}\n" for key, value in records)
            elif job.workload == "W1":
                file.writelines(f"{line}\n" for line in records)
            else:
                file.writelines(f"{line.decode()}\n" for line in records)


def _write_sides(job: Job, directory: Path) -> None:
    for part, sides in enumerate(job.sides()):
        for name, records in enumerate(sides):
            (directory / f"{name}").mkdir(exist_ok=True)
            with (directory / f"{name}" / f"{part}").open("w") as file:
                file.write("key,number,stamp\n")
                file.writelines(f"{key},{number},{stamp}\n" for key, number, stamp in records)
