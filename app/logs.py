"""Structured logs: one line an event, with whatever was bound (process, job, actor), and without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog

HIDDEN = "[hidden]"
_SECRET_KEY = re.compile(r"pass(word|wd)?$|secret|token|cookie|authorization|api_?key|credential|totp|recovery|seal", re.IGNORECASE)
_IN_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<user>[^/\s:@]*):(?P<password>[^/\s@]+)@", re.IGNORECASE)
_BEARER = re.compile(r"\b(?P<kind>bearer|basic)\s+[a-z0-9._~+/=-]{8,}", re.IGNORECASE)
_QUERY = re.compile(r"(?P<name>[?&](?:token|key|code|secret|password|signature)=)[^&\s\"']+", re.IGNORECASE)
_PATH = re.compile(r"(?P<head>/(?:reset|verify|invite)/)[A-Za-z0-9_-]{16,}")


def redact(text: str) -> str:
    """`text` without passwords in URLs, bearer tokens, and one-time links."""
    text = _IN_URL.sub(rf"\g<scheme>\g<user>:{HIDDEN}@", text)
    text = _BEARER.sub(rf"\g<kind> {HIDDEN}", text)
    text = _QUERY.sub(rf"\g<name>{HIDDEN}", text)
    return _PATH.sub(rf"\g<head>{HIDDEN}", text)


def secret(key: str) -> bool:
    """Whether what stands under `key` is never shown."""
    return _SECRET_KEY.search(key) is not None


def _clean(key: str, value: Any) -> Any:
    if secret(key) and value not in (None, "", True, False):
        return HIDDEN
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {k: _clean(str(k), v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean("", item) for item in value]
    if isinstance(value, BaseException):
        return redact(f"{type(value).__name__}: {value}")
    return value


def _redact_event(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: _clean(key, value) for key, value in event.items()}


def set_up(process: str, level: str = "info") -> None:
    """Every log of this process, also the libraries', goes to standard error through the redaction; `process` is on each line."""

    def name_process(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"process": process, **event}  # not a context variable: threads begin with an empty context

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        name_process,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    plain = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, plain],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=plain))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("alembic", "apscheduler", "httpx", "httpcore", "urllib3", "kubernetes", "watchdog"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def logger(name: str) -> Any:
    return structlog.get_logger(name)
