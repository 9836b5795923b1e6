"""Logs: one JSON object a line in a pod, coloured text on a terminal, the same for structlog and stdlib loggers.

Comes in: a level and a format. Goes out: lines on stderr with `timestamp` (UTC), `level`, `event`, `logger`, the
event's own keys, and `trace_id` and `span_id` while a span is active. Secrets are masked (`parch_serve.redaction`).
"""

import logging
import os
import sys
from collections.abc import MutableMapping
from io import StringIO
from typing import Any, TextIO

import structlog
from opentelemetry import trace
from structlog.types import ExcInfo, Processor

from parch_serve.redaction import redact_event, redact_text


def configure(level: str = "info", form: str = "auto") -> None:
    """Log events of `level` and above in `form`: `json`, `pretty`, or `auto` (pretty when stderr is a terminal)."""
    pretty = form == "pretty" or (form == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=[*_SHARED, _drop_colour], processors=_rendering(pretty))
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


def _rendering(pretty: bool) -> list[Processor]:
    first: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if pretty:
        colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        console = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=_write_exception)
        return [*first, redact_event, console]
    return [*first, structlog.processors.format_exc_info, redact_event, structlog.processors.JSONRenderer()]


def _write_exception(out: TextIO, exception: ExcInfo) -> None:
    text = StringIO()
    structlog.dev.plain_traceback(text, exception)
    out.write(redact_text(text.getvalue()))


def _add_span(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = trace.format_trace_id(span.trace_id)
        event["span_id"] = trace.format_span_id(span.span_id)
    return event


def _drop_colour(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("color_message", None)  # uvicorn's second copy of its messages
    return event


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _add_span,
]
