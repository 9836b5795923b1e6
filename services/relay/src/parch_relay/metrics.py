"""What the relay counts, in the default Prometheus registry. Labels are closed sets, never text a peer chose."""

from prometheus_client import Counter, Gauge, Histogram

SOCKETS = Gauge("parch_relay_sockets", "Open websockets.", ["state"])
HOSTS_ONLINE = Gauge("parch_relay_hosts_online", "Hosts whose connection this process holds.")
ROOMS = Gauge("parch_relay_rooms", "Hosts with at least one browser or connection here.")
MESSAGES = Counter("parch_relay_messages_total", "Messages received, by type.", ["type"])
IGNORED = Counter("parch_relay_ignored_total", "Messages ignored, by why.", ["reason"])
REFUSALS = Counter("parch_relay_refusals_total", "Messages refused, by code.", ["code"])
CONNECTIONS_REFUSED = Counter("parch_relay_connections_refused_total", "Handshakes refused, by code.", ["code"])
CLOSED = Counter("parch_relay_closed_total", "Sockets the relay closed, by close code.", ["code"])
DELIVERIES = Counter("parch_relay_deliveries_total", "Frames written to browsers' and hosts' connections.")
SLOW_READERS = Counter("parch_relay_slow_readers_total", "Connections cut because they did not read.")
FAULTS = Counter("parch_relay_session_faults_total", "Sessions ended by an error of the relay's own.")
ANSWER_SECONDS = Histogram(
    "parch_relay_host_answer_seconds",
    "From a question to the host to its answer.",
    ["request"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
)
HEALTH_CHECK_SECONDS = Histogram(
    "parch_relay_health_check_seconds",
    "From a health check to the host's ack.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2),
)
