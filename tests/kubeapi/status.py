"""What an API server says when it refuses: the `Status` object of Kubernetes."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


class StatusError(Exception):
    """A refusal; `code` is HTTP's, `reason` one of Kubernetes' words."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details

    def body(self) -> Object:
        """Return it as the server says it."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }


def conflict(message: str, **details: Any) -> StatusError:
    """Somebody else was faster."""
    return StatusError(409, "Conflict", message, **details)


def invalid(message: str, **details: Any) -> StatusError:
    """The object can be read and is wrong."""
    return StatusError(422, "Invalid", message, **details)


def bad_request(message: str) -> StatusError:
    """The request cannot be read."""
    return StatusError(400, "BadRequest", message)


def expired(message: str) -> StatusError:
    """The version asked for is forgotten."""
    return StatusError(410, "Expired", message)
