"""The JSON view of the calls of users, below /api/v1: the same functions, other text (docs/api.md)."""
