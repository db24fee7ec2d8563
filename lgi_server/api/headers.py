"""HTTP headers of the server's answers."""

# Of calls and their errors.
CONTENT_TYPE = "text/xml; charset=utf-8"
# Every answer of the server has these.
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    # A year, in seconds.
    ("Strict-Transport-Security", "max-age=31536000"),
)
