"""Listening sockets. Comes in: address, port, the name of its setting. Goes out: a socket, or a `StartupError`."""

import socket

from parch_serve.errors import StartupError

BACKLOG = 2048
UNSENT_BYTES = 131_072
"""What the kernel takes from us ahead of what it can send to a peer. Left alone it takes 4 MiB from a peer that does
not read, which nobody counts and which keeps a slow reader unnoticed."""


def bind(host: str, port: int, name: str) -> socket.socket:
    """Bind without listening, so that a taken port is found before anything else is started."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # accepted connections inherit it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        if listener.family is socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _refusal(host, port, name, error) from None
    return listener


def listen(listener: socket.socket, name: str) -> None:
    """Accept connections from now on; of two processes that bound one port, the second is refused here."""
    host, port = listener.getsockname()[:2]
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise _refusal(host, port, name, error) from None


def _refusal(host: str, port: int, name: str, error: OSError) -> StartupError:
    return StartupError(
        f"Cannot listen on {host} port {port}: {error.strerror}. "
        f"Stop the program that uses it, or set {name} to another port."
    )
