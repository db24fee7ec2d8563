"""The documents: their commands are run, their links, settings and messages are compared with the code."""
