"""LGI_setup: one file for the command, its options, the configuration it writes and the database it fills."""
