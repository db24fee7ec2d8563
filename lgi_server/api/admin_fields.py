"""The fields of the calls of administrators."""

from lgi_server.api.fields import INTEGER, SHORT, E, Field

# Whether of a user or a group; what is allowed or denied.
KIND = Field("kind", SHORT, E.STATE_TOO_BIG, E.STATE, E.STATE)
RULE = Field("rule", SHORT, E.STATE_TOO_BIG, E.STATE, E.STATE)
NAME = Field("name", SHORT, E.USER_TOO_BIG, E.USER, E.USER)
RULE_NAME = Field("name", SHORT, E.USER_TOO_BIG, E.USER)
RULE_APPLICATION = Field("application", SHORT, E.APPLICATION_TOO_BIG, E.APPLICATION)
# May be negative.
JOB_LIMIT = Field("job_limit", 12, E.LIMIT_TOO_BIG, E.LIMIT_TOO_BIG)
URGENT_LIMIT = Field("job_limit", 12, E.LIMIT_TOO_BIG, E.LIMIT_TOO_BIG, E.LIMIT_TOO_BIG)
SERVERS = Field("servers", SHORT, E.SERVERS_TOO_BIG, E.SERVERS_TOO_BIG)
WEIGHT = Field("weight", SHORT, E.LIMIT_TOO_BIG, E.LIMIT_TOO_BIG, E.LIMIT_TOO_BIG)
URL = Field("url", SHORT, E.UPDATE_TOO_BIG, E.UPDATE, E.UPDATE)
CERTIFICATE = Field("certificate", 2**15, E.UPDATE_TOO_BIG, E.UPDATE, E.UPDATE)
ROLE = Field("role", SHORT, E.STATE_TOO_BIG, E.STATE)
REASON = Field("reason", SHORT, E.UPDATE_TOO_BIG, E.UPDATE)
VERSION = Field("version", INTEGER, E.VERSION_TOO_BIG, E.VERSION, E.VERSION)
ADDRESS = Field("address", SHORT, E.UPDATE_TOO_BIG, E.UPDATE, E.UPDATE)
TOKEN_ID = Field("token_id", INTEGER, E.JOB_ID_TOO_BIG, E.JOB_ID, E.JOB_ID)
AFTER = Field("after", INTEGER, E.START_TOO_BIG, E.START_TOO_BIG)
BEFORE = Field("before", INTEGER, E.START_TOO_BIG, E.START_TOO_BIG)
