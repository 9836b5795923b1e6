"""Does the relay let this host in? A websocket address and a key in, a finding out: joins, signs, and leaves
again (spec §3.4).

Only for a host that runs nowhere: whoever proves the key last is the host, and the one before is closed.
"""

import time
from typing import TYPE_CHECKING

from parch_wire.challenge import host_auth_message
from parch_wire.encoding import b64raw
from parch_wire.messages import Challenge, HostAuth, JoinHost, Refusal, frame, open_frame, parse

from .doctor import Finding, fail, ok
from .probes import SECONDS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_REGISTER = "hostctl run   (registers the host again)"
_RESTORE = "Restore the backup that has the right keys: hostctl restore FILE --force"


def prove(url: str, host_uuid: str, key: "Ed25519PrivateKey") -> Finding:
    """One try, at most 2 × SECONDS."""
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    until = time.monotonic() + 2 * SECONDS
    try:
        with connect(url, open_timeout=SECONDS, close_timeout=0.5, compression=None) as socket:
            socket.send(frame("join_host", JoinHost(uuid=host_uuid, role="host")), text=True)
            while True:
                heard = open_frame(socket.recv(timeout=max(0.0, until - time.monotonic())))
                match heard and heard.type:
                    case "host_auth_challenge" if heard:
                        challenge = parse(Challenge, heard.data).challenge
                        signature = b64raw(key.sign(host_auth_message(host_uuid, challenge)))
                        socket.send(frame("host_auth", HostAuth(challenge=challenge, signature=signature)), text=True)
                    case "host_auth_success":
                        return ok("the relay accepts this host's key")
                    case "join_error" if heard:
                        return fail(
                            f"the relay does not let the host in: {parse(Refusal, heard.data).error}", _REGISTER
                        )
                    case "authentication-error" if heard:
                        return fail(f"the relay refuses the key: {parse(Refusal, heard.data).error}", _RESTORE)
    except TimeoutError:
        return fail("the relay does not answer on its websocket", "Ask the relay's operator.")
    except (OSError, WebSocketException) as error:
        return fail(
            f"no websocket there: {error}", "A proxy in between may not pass websockets: ask the relay's operator."
        )
