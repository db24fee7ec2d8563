"""The run directory: records, job directories, recovery."""
