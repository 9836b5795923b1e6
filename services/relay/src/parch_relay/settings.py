"""The relay's settings, by the names the original used where it had one (spec §8.2)."""

from typing import Annotated

from msgspec import Meta, field

from parch_serve.server_settings import Port, ServerSettings
from parch_serve.settings import Secret

Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class RelaySettings(ServerSettings, frozen=True, kw_only=True):
    port: Annotated[Port, Meta(description="Public port: HTTP and websockets.")] = field(
        name="CHAT_RELAY_PORT", default=8001
    )
    database_url: Annotated[Secret, Meta(description="PostgreSQL URL of the relay's table of hosts.")] = field(
        name="DATABASE_URL"
    )
    static_dir: Annotated[
        str, Meta(description="Folder with index.html and client/; empty for the built-in pages.")
    ] = field(name="CHAT_STATIC_DIR", default="")
    allowed_origins: Annotated[
        list[str], Meta(description="Origins of web clients served elsewhere; the relay's own is always allowed.")
    ] = field(name="ALLOWED_ORIGINS", default_factory=list)
    replica: Annotated[str, Meta(description="Name of this process among its replicas; empty for the host name.")] = (
        field(name="REPLICA_NAME", default="")
    )
    requests_per_second: Annotated[Count, Meta(description="HTTP requests an address may make per second.")] = field(
        name="HTTP_REQUESTS_PER_SECOND", default=150
    )
    connections_per_address: Annotated[Count, Meta(description="Websockets an address may hold.")] = field(
        name="CONNECTIONS_PER_ADDRESS", default=1000
    )
    unauthenticated_per_address: Annotated[
        Count, Meta(description="Of them, how many may not have proved an identity yet.")
    ] = field(name="UNAUTHENTICATED_PER_ADDRESS", default=64)
    handshake_seconds: Annotated[
        float, Meta(gt=0, le=600, description="Time a socket has to join, and then to prove its identity.")
    ] = field(name="HANDSHAKE_SECONDS", default=10.0)
    health_check_seconds: Annotated[
        float, Meta(gt=0, le=60, description="Time a host has to answer before a browser may join.")
    ] = field(name="HEALTH_CHECK_SECONDS", default=2.0)
