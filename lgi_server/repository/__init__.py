"""The repositories of jobs over HTTP."""
