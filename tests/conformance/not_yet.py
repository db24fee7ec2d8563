"""Exchanges that cannot be replayed yet, and why. `test_replay` notices when they can."""

from tests.conformance import exchanges

WEB_INTERFACE = "/LGI/basic_interface/index.php"
ERROR_67 = 67
_COOKIE = "needs the cookie of a session that was opened by the web interface, which does not exist yet"
NOT_YET = {name: _COOKIE for name, one in exchanges.ALL.items() if one.error == ERROR_67}
