"""Leads the system's Python to LGI, which has an environment of its own: `import LGI`.

This is LGI.py and lgi_tools.py of the system's Python. What LGI needs comes from its environment too, in the
tested versions, in scripts that import LGI and in no others.
"""

import importlib
import sys

sys.path.insert(0, "SITE")
# The module of this name in LGI's environment takes the place of this one.
del sys.modules[__name__]
importlib.import_module(__name__)
