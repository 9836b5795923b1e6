"""Telling systemd how a service is: a state in, one datagram to $NOTIFY_SOCKET out; silent where there is none
(sd_notify(3))."""

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """`state` is such as "READY=1" or "WATCHDOG=1"; several are separated by line breaks."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
