"""The output of a job while it runs."""

from lgi_protocol.value_object import value_object


@value_object
class Tail:
    """The output of a job from byte ``offset`` on; earlier output is no longer stored.

    ``live``: the resource sends output while the job runs; older ones do not. ``complete``: no more
    output follows.
    """

    state: str
    offset: int
    data: bytes
    live: bool
    complete: bool

    @property
    def end(self) -> int:
        """The offset of the next byte."""
        return self.offset + len(self.data)
