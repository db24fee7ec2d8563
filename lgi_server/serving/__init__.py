"""gunicorn, its gevent worker, TLS and sockets. Nothing here knows a rule of LGI."""
