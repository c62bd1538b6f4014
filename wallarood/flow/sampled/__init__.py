"""What samples of the records of a stage tell: its hot keys, and how its slots are loaded."""
