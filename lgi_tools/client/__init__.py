"""The client library: a project, its jobs and files, calls, transfers, settings."""
