"""Time spans as text, for people."""


def span(seconds: int) -> str:
    """Return a time span as ``42s``, ``5m12s``, ``3h07m`` or ``2d04h``."""
    minutes, rest = divmod(max(0, seconds), 60)
    if not minutes:
        return f"{rest}s"
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02}m"
    return f"{minutes // 1440}d{minutes % 1440 // 60:02}h"
