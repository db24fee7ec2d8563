"""The files of jobs over HTTP."""
