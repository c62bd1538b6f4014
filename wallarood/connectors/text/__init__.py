"""Records as lines of text, for every sink that writes lines."""

from wallarood.connectors.text.encode import (
    SUFFIXES,
    LineEncoder,
    LineFormat,
    LineOptions,
    Nan,
    encoder,
    payloads,
)

__all__ = ["SUFFIXES", "LineEncoder", "LineFormat", "LineOptions", "Nan", "encoder", "payloads"]
