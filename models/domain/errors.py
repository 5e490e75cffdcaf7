"""Expected failures: one root, a stable code each, a sentence for the person who reads it."""

from __future__ import annotations


class PlatformError(Exception):
    """Something the caller can understand and act on; bugs are not wrapped in it.

    `code` is what the API, logs and tests compare. `retryable` says whether the same call may succeed later without change.
    The message says what was wrong and what to do.
    """

    code = "platform_error"
    retryable = False


class Invalid(PlatformError):
    """Input that cannot be accepted as it is; `field` names the part that is wrong, when there is one."""

    code = "invalid"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Unauthenticated(PlatformError):
    """Nobody is signed in, or the session or token is no longer good."""

    code = "unauthenticated"


class NotPermitted(PlatformError):
    """The actor is known and may not do this."""

    code = "not_permitted"


class NotFound(PlatformError):
    """There is no such thing, or it belongs to somebody else: the two are not told apart on purpose."""

    code = "not_found"


class Conflict(PlatformError):
    """The world changed since the caller looked, or the name is taken."""

    code = "conflict"


class TooManyAttempts(PlatformError):
    """A rate limit was reached; `retry_after_seconds` says when to try again."""

    code = "too_many_attempts"
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class IllegalTransition(PlatformError):
    """A state machine was asked for a move that its table does not have."""

    code = "illegal_transition"

    def __init__(self, noun: str, current: str, target: str) -> None:
        super().__init__(f"{noun} cannot go from {current} to {target}")
        self.noun, self.current, self.target = noun, current, target


class Unavailable(PlatformError):
    """A system outside (cluster, Prometheus, mail, database) does not answer; the same call may succeed later."""

    code = "unavailable"
    retryable = True


class Misconfigured(PlatformError):
    """A setting, a file or a permission of this installation is wrong; the message names it and the remedy."""

    code = "misconfigured"
