"""Notifications: mail and webhooks by which users are told of their jobs."""
