"""The one exception for input that is refused; `registry.errors` turns it into an answer. No
Django.
"""


class Refused(Exception):
    """HTTP status, machine code, one sentence, every single fault as `details` ({"path",
    "message"}), and in how many seconds it is worth trying again, where that is known.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: list[dict[str, str]] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details or []
        self.retry_after_s = retry_after_s
