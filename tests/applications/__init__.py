"""The applications, run by a real /bin/sh."""
