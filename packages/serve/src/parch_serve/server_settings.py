"""The settings every service has: where it listens, whom it believes, how it stops, how it logs."""

import ipaddress
from typing import Annotated, Literal

from msgspec import Meta, field

from parch_serve.settings import SettingError, Settings

Port = Annotated[int, Meta(ge=1, le=65535)]
Seconds = Annotated[float, Meta(ge=0, le=3600)]


class ServerSettings(Settings, frozen=True, kw_only=True):
    """Base of a service's settings. A service declares `port` again, with its own variable and default."""

    host: Annotated[str, Meta(description="Address to listen on.")] = field(name="LISTEN_HOST", default="0.0.0.0")  # noqa: S104
    port: Annotated[Port, Meta(description="Public port.")] = field(name="PORT", default=8000)
    metrics_host: Annotated[str, Meta(description="Address of /metrics, /livez and /readyz.")] = field(
        name="METRICS_HOST",
        default="0.0.0.0",  # noqa: S104
    )
    metrics_port: Annotated[int, Meta(ge=0, le=65535, description="Port of /metrics; 0 for none.")] = field(
        name="METRICS_PORT", default=9090
    )
    trusted_proxies: Annotated[
        list[str], Meta(description="Addresses and networks whose X-Forwarded-For is believed.")
    ] = field(name="TRUSTED_PROXIES", default_factory=lambda: ["127.0.0.1", "::1"])
    request_seconds: Annotated[
        float, Meta(gt=0, le=3600, description="Time a client has to finish sending a request.")
    ] = field(name="REQUEST_SECONDS", default=10.0)
    prestop_seconds: Annotated[Seconds, Meta(description="From not ready to not listening.")] = field(
        name="PRESTOP_SECONDS", default=0.0
    )
    drain_seconds: Annotated[Seconds, Meta(description="Over which open connections are closed.")] = field(
        name="DRAIN_SECONDS", default=20.0
    )
    exit_seconds: Annotated[Seconds, Meta(description="After which a stopping process ends in any case.")] = field(
        name="EXIT_SECONDS", default=30.0
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="Least level logged.")] = field(
        name="LOG_LEVEL", default="info"
    )
    log_format: Annotated[
        Literal["auto", "json", "pretty"], Meta(description="auto is pretty on a terminal, json elsewhere.")
    ] = field(name="LOG_FORMAT", default="auto")

    def __post_init__(self) -> None:
        for entry in self.trusted_proxies:
            _check_network(entry)
        needed = self.prestop_seconds + self.drain_seconds
        if self.exit_seconds <= needed:
            raise SettingError(
                "EXIT_SECONDS",
                f"must be more than PRESTOP_SECONDS + DRAIN_SECONDS = {needed:g}. Raise it or lower those.",
            )


def _check_network(entry: str) -> None:
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        raise SettingError(
            "TRUSTED_PROXIES",
            f"has {entry!r}, which is neither an address nor a network such as 10.0.0.0/8. Correct it.",
        ) from None
