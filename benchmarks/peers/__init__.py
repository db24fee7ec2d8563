"""``make bench-peers``: the same short jobs through LGI and other systems. See ../README.md."""
