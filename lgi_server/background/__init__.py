"""State that one worker process keeps in memory: long polls, limits per caller, batched writes, metrics."""
