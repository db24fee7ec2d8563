"""SQL of the table job_queue: rows, states, lists, claims, priorities."""
