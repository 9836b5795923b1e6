"""Capability tokens a host hands out (spec §5): a space, a user and the time in, a signed token with its scopes out.

Source of the format: parch_wire.capability. The clock and the random `jti` are arguments.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parch_wire import capability
from parch_wire.messages import Capability, User

from .records import SpaceHead


def grant(key: Ed25519PrivateKey, host_uuid: str, space: SpaceHead, user: User, now: float, jti: str) -> Capability:
    """What `user` may do in `space` for the next five minutes; `now` in unix seconds."""
    scopes = capability.AUTHOR_SCOPES if space.author_id == user.id else capability.MEMBER_SCOPES
    issued_at = int(now)
    claims = capability.Claims(
        host_uuid=host_uuid,
        space_uuid=space.uuid,
        sub=user.public_key,
        scopes=scopes,
        exp=issued_at + capability.TTL_SECONDS,
        iat=issued_at,
        jti=jti,
        channel_scope=capability.ANY_CHANNEL,
    )
    token = capability.issue(key, claims)
    return Capability(space_uuid=space.uuid, token=token, scopes=list(scopes), expires_at=claims.exp)
