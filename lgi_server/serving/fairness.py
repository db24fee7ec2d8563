"""Fairness among the connections of a worker, whose greenlets run one at a time until each waits."""

import gevent

# Turns of all others before the next request of a connection is read: one for those whose request is there,
# one for those whose answer from the database is. A request that waits for the database needs a turn after
# each statement; one that finds the answer there already does not.
TURNS = 2


def yield_loop() -> None:
    """Let each greenlet run whose socket is ready, and return when they wait again.

    `gevent.sleep` with 0 s lets none of them run that waits for a socket: some fifty such sleeps, of the few
    connections that have just been served, end one after the other before the sockets are looked at.
    """
    hub = gevent.get_hub()
    for _turn in range(TURNS):
        with hub.loop.timer(0) as timer:
            hub.wait(timer)
