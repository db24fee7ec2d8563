"""Connections to project servers: sessions, back-off, certificates."""
