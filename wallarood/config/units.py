"""Durations and sizes as people write them: ``5s``, ``64MiB``."""

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


def parse_duration(text: str) -> float:
    """Seconds. Raises ValueError: no number with one of the units ms, s, min, h."""
    return _parse(text, _SECONDS)


def parse_size(text: str) -> int:
    """Bytes. Raises ValueError: no number with one of the units B, KiB, MiB, GiB."""
    return int(_parse(text, _BYTES))


def _parse(text: str, units: dict[str, float] | dict[str, int]) -> float:
    match = _NUMBER.fullmatch(text.strip())
    if match is None or match[2] not in units:
        names = ", ".join(units)
        raise ValueError(f"found {text!r:.40}, expected a number with a unit ({names})")
    return float(match[1]) * units[match[2]]


def show_duration(seconds: float) -> str:
    """The shortest way to write *seconds*."""
    for unit in ("h", "min", "s"):
        if seconds >= _SECONDS[unit] and (seconds / _SECONDS[unit]).is_integer():
            return f"{seconds / _SECONDS[unit]:g}{unit}"
    return f"{seconds * 1000:g}ms" if seconds < 1 else f"{seconds:g}s"


def show_size(size: int) -> str:
    """The shortest way to write *size* bytes."""
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return f"{size}B"
