"""LGI_task: a folder is a job."""
