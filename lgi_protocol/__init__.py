"""The protocol between LGI's programs: formats, states, errors and the client. No settings, no state."""

LGI_VERSION = "1.41.0"
API_VERSION = "1.32"
