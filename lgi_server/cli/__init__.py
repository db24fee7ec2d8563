"""The console commands of the server: one file per command."""
