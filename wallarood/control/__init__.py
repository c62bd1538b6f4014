"""The decisions of the cluster: machines that take an event and the time, and return effects."""
