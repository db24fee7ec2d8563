"""The command LGI_daemon: command line, check, signals, log."""
