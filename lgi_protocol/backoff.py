"""How long to wait between attempts that fail one after the other: exponential back-off."""

from lgi_protocol.value_object import value_object


@value_object
class Backoff:
    """Delays in seconds: ``first`` after the first failure, ``factor`` times as long after each further one.

    No delay is longer than ``longest``.
    """

    first: float
    longest: float
    factor: float = 2.0

    def next_delay(self, attempt: int) -> float:
        """Return the delay after a failed attempt; attempts are counted from 0."""
        try:
            return min(self.longest, self.first * self.factor**attempt)
        except OverflowError:
            return self.longest

    def increase(self, delay: float) -> float:
        """Return the delay that follows a given one."""
        return min(self.longest, self.factor * delay)
