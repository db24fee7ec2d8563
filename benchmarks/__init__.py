"""Benchmarks: ratios within one run, on whatever machine they run."""
