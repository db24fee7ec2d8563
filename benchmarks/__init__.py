"""Benchmarks. They report ratios within one run, which do not depend on the machine."""
