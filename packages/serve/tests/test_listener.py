"""Listening sockets keep the kernel from hoarding what a peer does not read."""

import socket
from contextlib import closing

from parch_serve.listener import UNSENT_BYTES, bind, listen


def test_a_peer_that_does_not_read_fills_no_more_than_its_share_of_the_kernel() -> None:
    with closing(bind("127.0.0.1", 0, "PORT")) as listener, socket.socket() as peer:
        listen(listener, "PORT")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        peer.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with closing(accepted):
            accepted.setblocking(False)
            assert _sent_until_full(accepted) < 2 * UNSENT_BYTES


def _sent_until_full(sock: socket.socket) -> int:
    sent = 0
    while True:
        try:
            sent += sock.send(b"x" * 4096)
        except BlockingIOError:
            return sent
