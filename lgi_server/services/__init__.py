"""LGI's rules, without Flask and without SQL."""
