"""Prometheus metrics that every Parch process has, and the text they are exported as.

Comes in: the service's name. Goes out: `parch_build_info`, the lag of the event loop, and the process metrics of
`prometheus_client` (CPU, memory, open files). Services add their own to the default registry.
"""

import platform
from importlib.metadata import version

from prometheus_client import REGISTRY, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

BUILD = Gauge("parch_build_info", "Always 1; the labels tell what runs.", ["service", "version", "python"])
LOOP_LAG = Histogram(
    "parch_event_loop_lag_seconds",
    "How late the event loop ran a timer.",
    buckets=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5),
)


def describe_build(service: str) -> None:
    """Export which service this is, by its distribution name such as `parch-relay`."""
    BUILD.labels(service, version(service), platform.python_version()).set(1)


def exposition(accept: str) -> tuple[bytes, str]:
    """Return (body, content type) of all metrics in the form that an `Accept` header asks for."""
    encode, content_type = choose_encoder(accept)
    return encode(REGISTRY), content_type
