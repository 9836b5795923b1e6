"""OpenTelemetry traces, off until the standard variables ask for them.

Comes in: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_TRACES_EXPORTER=otlp` (and the
other `OTEL_…` variables, which the SDK reads itself); W3C `traceparent` headers. Goes out: spans over OTLP/HTTP.
Code makes spans with `opentelemetry.trace.get_tracer(__name__)`; without the variables these cost next to nothing.
"""

import os
from collections.abc import Iterable, Mapping, MutableMapping

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_FLUSH_MILLISECONDS = 3000

_propagator = TraceContextTextMapPropagator()


def enabled(environ: Mapping[str, str]) -> bool:
    """Return whether the standard variables ask for traces."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environ.get("OTEL_TRACES_EXPORTER", "")
    return exporter == "otlp" or (exporter == "" and any(environ.get(name) for name in _ENDPOINTS))


def configure(service: str, environ: Mapping[str, str] = os.environ) -> None:
    """Export this process's spans as `service` when `enabled`, else do nothing."""
    if not enabled(environ):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = environ.get("OTEL_SERVICE_NAME") or service
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def flush() -> None:
    """Send what is still buffered, for at most three seconds. Blocks."""
    force_flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if force_flush is not None:
        force_flush(_FLUSH_MILLISECONDS)


def context_from_headers(headers: Iterable[tuple[bytes, bytes]]) -> Context:
    """Return the trace context of ASGI headers (W3C Trace Context); empty when they carry none or a malformed one."""
    carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    return _propagator.extract(carrier)


def inject(headers: MutableMapping[str, str]) -> None:
    """Add `traceparent` of the current span to `headers`; nothing when there is no span."""
    _propagator.inject(headers)
