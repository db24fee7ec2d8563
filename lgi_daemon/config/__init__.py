"""The configuration of the daemon: frozen values and their parser."""
