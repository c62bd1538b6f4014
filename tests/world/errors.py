"""What a checker raises."""


class ViolationError(AssertionError):
    """Something that must never be was seen."""
