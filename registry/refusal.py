"""The one exception for input that is refused; `registry.errors` turns it into an answer. No
Django.
"""


class Refused(Exception):
    """HTTP status, machine code, one sentence, and every single fault as `details` ({"path",
    "message"}).
    """

    def __init__(
        self, status: int, code: str, message: str, details: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details or []
