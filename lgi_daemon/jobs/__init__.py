"""The life of a job on its resource: lifecycle table, checks, synchronization, reports."""
