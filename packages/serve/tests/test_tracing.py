"""Traces: off until asked for, and the W3C context over headers."""

import gzip
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from parch_serve import tracing

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, False),
    ],
)
def test_the_standard_variables_decide(environ: dict[str, str], wanted: bool) -> None:
    assert tracing.enabled(environ) is wanted


def test_without_them_nothing_is_configured_and_flush_is_harmless() -> None:
    tracing.configure("parch-demo", {})
    tracing.flush()
    assert not isinstance(trace.get_tracer_provider(), TracerProvider)


def test_the_context_of_a_handshake_is_taken_and_passed_on() -> None:
    context = tracing.context_from_headers([(b"host", b"h"), (b"traceparent", PARENT.encode())])
    span = trace.get_current_span(context)
    assert f"{span.get_span_context().trace_id:032x}" in PARENT
    onward: dict[str, str] = {}
    with trace.use_span(span):
        tracing.inject(onward)
    assert onward["traceparent"] == PARENT


@pytest.mark.parametrize("value", [b"", b"garbage", b"00-0-0-0", b"\xff\xfe", PARENT.encode() * 100])
def test_a_malformed_context_is_no_context(value: bytes) -> None:
    context = tracing.context_from_headers([(b"traceparent", value)])
    assert not trace.get_current_span(context).get_span_context().is_valid
    headers: dict[str, str] = {}
    tracing.inject(headers)
    assert headers == {}


SCRIPT = """
import os
from opentelemetry import trace
from parch_serve import tracing
tracing.configure("parch-demo")
with trace.get_tracer("t").start_as_current_span("join host"):
    pass
tracing.flush()
os._exit(0)  # nothing else gets the chance to send
"""


@pytest.mark.processes
def test_spans_reach_the_collector_before_the_process_ends() -> None:
    bodies = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        environ = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        subprocess.run([sys.executable, "-c", SCRIPT], check=True, env=environ, timeout=30)
        server.shutdown()
    assert any(b"join host" in body and b"parch-demo" in body for body in bodies)
