"""What a source has accepted and cannot ask for again: kept on disk, and read from there."""
