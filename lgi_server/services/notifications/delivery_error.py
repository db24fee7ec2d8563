"""The error of a message that could not be delivered."""


class DeliveryError(Exception):
    """Why a message could not be delivered; with ``is_final`` it is not tried again."""

    def __init__(self, problem: str, *, is_final: bool = False) -> None:
        """Set the reason, one line."""
        self.is_final = is_final
        super().__init__(problem)
