"""Certificates: whose they are, whether they are valid, which CA issued them."""
