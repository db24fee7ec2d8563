"""An executor of Python whose calls and command lines are jobs: see `job_executor`."""
