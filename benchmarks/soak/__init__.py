"""The load test of LGI's document: a long queue and many daemons. Every job must end exactly once."""
