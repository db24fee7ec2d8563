"""The main loop of the daemon: work cycles, long polls, lifetime."""
