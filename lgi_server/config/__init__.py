"""The configuration of the server: frozen values and their parser."""
