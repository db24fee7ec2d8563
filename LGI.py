"""``import LGI``: the Python class of the LGI document, for the scripts of users. See docs/python.md."""

from lgi_tools.compat.lgi_client import LGI_Client

__all__ = ["LGI_Client"]
