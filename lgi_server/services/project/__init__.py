"""The rules for the project as a whole: administration, replication, orphaned repositories."""
