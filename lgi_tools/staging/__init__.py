"""The files of a job between its directory and its repository."""
