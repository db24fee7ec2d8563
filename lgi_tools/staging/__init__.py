"""Transfer of files between a job's directory and its repository."""
