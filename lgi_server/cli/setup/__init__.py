"""LGI_setup: the command, its options, the configuration that it writes and the database that it fills."""
