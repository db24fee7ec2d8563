"""The operations of administrators, below /api/v1/admin: the changes that ManageDB makes."""

from lgi_server.json_api.administration import accounts, resources, rules, tokens, updates, users

OPERATIONS = (
    *rules.OPERATIONS,
    *accounts.OPERATIONS,
    *resources.OPERATIONS,
    *users.OPERATIONS,
    *tokens.OPERATIONS,
    *updates.OPERATIONS,
)
