"""Benchmarks of the data path and of the cluster, beside what a user would pick instead."""
