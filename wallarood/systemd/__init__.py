"""The host around this process: systemd, its journal, and what keeps watch over the process."""
