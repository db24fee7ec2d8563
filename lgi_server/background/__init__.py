"""What a worker keeps in memory: long polls, limits per caller, batches of writes, metrics."""
