"""Which offered jobs the daemon claims: limits, reservations, rejected jobs, capabilities."""
