"""The repositories of jobs: on a local disk, or on another host over ssh."""
