"""What this worker has its checkpoint store do, in the order in which it was decided."""
