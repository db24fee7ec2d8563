"""Certificates: their owners, validity and issuers."""
