"""The rules for jobs: submission, claims, locks, updates, history."""
