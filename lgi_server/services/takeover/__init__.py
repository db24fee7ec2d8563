"""The takeover of an LGI 1.31 project: its database is read, checked as a whole, and stored as ours."""
