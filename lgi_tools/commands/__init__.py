"""The commands of users: one file per command, named as it."""
