"""What two LGI programs must agree on, to the byte: no settings, no state."""

LGI_VERSION = "1.41.0"
API_VERSION = "1.32"
