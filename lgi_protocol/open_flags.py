"""Flags of os.open(), 0 where the operating system has none of the kind.

Windows has no links that every user can make, no directory that can be opened, and no file that blocks. It
would end each line of a file opened without `BINARY` with two characters. Python itself keeps descriptors
from programs that are started.
"""

import os

BINARY: int = getattr(os, "O_BINARY", 0)
DIRECTORY: int = getattr(os, "O_DIRECTORY", 0)
NO_BLOCK: int = getattr(os, "O_NONBLOCK", 0)
NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
