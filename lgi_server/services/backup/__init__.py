"""Backups of a project server: one file with its database, configuration, keys and repositories."""
