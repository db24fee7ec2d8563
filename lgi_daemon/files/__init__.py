"""Files without rules of LGI: atomic writes, safe removal, disk space, tails."""
