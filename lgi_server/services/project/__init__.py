"""The project as a whole: administration, replication, orphaned repositories."""
