"""The table job_queue: its rows, states, heartbeats, lists, claims and priorities."""
