"""Torture of a grid: real programs, a seeded plan of faults, a check of what they did to each job."""
