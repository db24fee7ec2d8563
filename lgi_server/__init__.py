"""The project server: Flask under gunicorn, on MariaDB or the embedded SQLite."""

import logging

# LGI_server sets logging up; the administrator's commands say what is wrong themselves.
logging.getLogger("lgi").addHandler(logging.NullHandler())
