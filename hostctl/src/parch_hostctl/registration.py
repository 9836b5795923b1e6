"""Making the host known, `POST /api/register_host` (spec §2.4, protocol.md §2.8): a host in, the relay's answer out.

Building the request and judging the answer are pure; `register` sends it. TLS certificates are always verified.
"""

import json
import urllib.error
import urllib.request
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parch_wire.challenge import registration_message
from parch_wire.encoding import b64raw

from .errors import LinkError, Unreachable

SECONDS = 10.0
_ANSWER_BYTES = 65_536


class Registered(msgspec.Struct, frozen=True):
    """The host as the relay knows it; `new` when it did not before."""

    uuid: str
    new: bool


def request_body(uuid: str, name: str, key: Ed25519PrivateKey, now: float) -> dict[str, Any]:
    """What is sent; `uuid` "" asks for a new one, `now` is unix seconds."""
    public = b64raw(key.public_key().public_bytes_raw())
    issued_at = int(now)
    signature = key.sign(registration_message(uuid, public, name, issued_at))
    return {
        "uuid": uuid,
        "name": name,
        "signing_public_key": public,
        "proof": {"issued_at": issued_at, "signature": b64raw(signature)},
    }


def judge(status: int, body: bytes, uuid: str) -> Registered:
    """What the relay's answer means. Raises LinkError when asking again would not help, else Unreachable."""
    answer = _object(body)
    said = str(answer.get("error", ""))[:200]
    match status:
        case 200 | 201 if isinstance(answer.get("uuid"), str) and answer["uuid"] and uuid in ("", answer["uuid"]):
            return Registered(answer["uuid"], new=status == 201)
        case 200 | 201:
            raise Unreachable("relay_answer_invalid", "The relay's answer to the registration makes no sense.", _CHECK)
        case 409:
            raise LinkError(
                "host_key_mismatch",
                "The relay knows this host with another signing key.",
                "Restore the host_config.json that belongs to this host (`hostctl restore`).",
            )
        case 400 | 413 | 422:
            raise LinkError("registration_refused", f"The relay refuses the registration: {said or status}.", _CHECK)
        case _:
            raise Unreachable("relay_unavailable", f"The relay cannot register hosts now: {said or status}.", _CHECK)


def register(url: str, uuid: str, name: str, key: Ed25519PrivateKey, now: float) -> Registered:
    """Registers the host; takes up to SECONDS. Raises LinkError and Unreachable."""
    content = json.dumps(request_body(uuid, name, key, now)).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})  # noqa: S310 - http(s) only
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            return judge(answer.status, answer.read(_ANSWER_BYTES), uuid)
    except urllib.error.HTTPError as error:
        with error:
            return judge(error.code, error.read(_ANSWER_BYTES), uuid)
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "reason", error)
        raise Unreachable("relay_unreachable", f"The relay cannot be reached: {reason}.", _CHECK) from error


_CHECK = "Check the relay's address (`hostctl config show --origin`), then run `hostctl doctor`."


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
