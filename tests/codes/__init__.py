"""Free codes in images that are built from packages of Debian."""
