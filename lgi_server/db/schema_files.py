"""Where the files of the schema are, ``schema.sql`` and ``upgrades/``."""

import sys
from pathlib import Path

# In a checkout, and where pip puts a package's data files.
_PLACES = (Path(__file__).parents[2] / "sql", Path(sys.prefix) / "share" / "lgi" / "sql")


def directory() -> Path:
    """Return the directory of schema.sql and its upgrades; FileNotFoundError when it is not installed."""
    for place in _PLACES:
        if (place / "schema.sql").is_file():
            return place
    raise FileNotFoundError(f"schema.sql is in none of {', '.join(map(str, _PLACES))}")


def text() -> str:
    """Return the text of the schema, for both kinds of database; FileNotFoundError as `directory`."""
    return (directory() / "schema.sql").read_text("utf-8")
