"""``python -m lgi_daemon`` is LGI_daemon."""

import sys

from lgi_daemon.cli.main import main

sys.exit(main())
