"""What passes between this worker and its peers."""
