"""The load test of LGI's document: a long queue, many daemons, and whether every job ended exactly once."""
