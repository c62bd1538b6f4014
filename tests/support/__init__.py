"""What several tests share: real clusters on this host, checks of their output, a systemd lab."""
