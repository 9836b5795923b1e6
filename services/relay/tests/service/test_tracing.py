"""A browser's trace goes on in the relay: `traceparent` of the handshake is the parent of what the socket says."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from chat_client import ChatClient
from deployment import Relay
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from scripted_host import ScriptedHost
from websockets.asyncio.client import connect
from websockets.typing import Origin

pytestmark = pytest.mark.processes

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(ThreadingHTTPServer):
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []
        self.services: set[str] = set()


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.services |= {a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.server.spans += scope.spans
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *message: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_the_trace_of_the_handshake_goes_on_in_joins_and_messages(
    start_relay: Callable[..., Relay], collector: Collector
) -> None:
    relay = start_relay(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}")
    async with await ScriptedHost.registered(relay.url) as host:
        socket = await connect(
            relay.url.replace("http", "ws") + "/ws",
            origin=Origin(relay.url),
            additional_headers={"traceparent": f"00-{TRACE}-{PARENT}-01"},
            proxy=None,
        )
        async with await ChatClient.login(relay.url, host.uuid) as stranger:
            client = ChatClient(socket, stranger.identity, "", "", 10)
            await client.join(host.uuid)
            await client.auth()
            await client.dashboard()
            await client.close()
    relay.stop()  # which sends what is left
    ours = [span for span in collector.spans if span.trace_id.hex() == TRACE]
    assert [span.name for span in ours] == ["relay join_host", "relay get_dash_data"]
    assert {span.parent_span_id.hex() for span in ours} == {PARENT}
    assert "parch-relay" in collector.services
    assert len(collector.spans) > len(ours)
