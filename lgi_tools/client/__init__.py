"""The client library: project, calls, transfers, models, settings."""
