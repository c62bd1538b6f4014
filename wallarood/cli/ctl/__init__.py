"""`wallarooctl`: asks a worker how it does, or gives it an order, through its admin socket."""

from wallarood.cli.ctl.command import main

__all__ = ["main"]
