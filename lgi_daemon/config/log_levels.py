"""The levels of the daemon's log, and the options that select them."""

import logging

# More detailed than DEBUG: the exit status of every check script.
VERBOSE = 5
LEVELS = {"q": logging.CRITICAL, "n": logging.INFO, "v": logging.DEBUG, "vv": VERBOSE}
NAMES = {logging.INFO: "NORMAL", VERBOSE: "VERBOSE DEBUG"}
