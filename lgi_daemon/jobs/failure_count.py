"""How often a script of a job has failed."""

from dataclasses import dataclass

# Exit statuses of sysexits by which a script says "later", and that no retry helps.
EX_TEMPFAIL, EX_DATAERR = 75, 65


@dataclass
class FailureCount:
    """The failures of a script that count towards giving it up.

    Nothing is lost because a server is unreachable for long: of the failures between two of its answers one
    counts, and none that the script calls temporary.
    """

    number: int = 0
    server_answered: bool = True

    def add(self, is_temporary: bool = False) -> None:
        """Record a failure."""
        if self.server_answered and not is_temporary:
            self.number += 1
            self.server_answered = False
