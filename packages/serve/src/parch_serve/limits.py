"""How many connections an address may hold, without I/O or clock.

Comes in: client addresses as they are admitted, authenticated and released. Goes out: None, or a `Refusal`.
Many people behind one NAT share an address, so the cap on all connections is wide and the cap on those that have not
proved an identity yet is narrow. Rate limits are in `parch_serve.rates`.
"""

from dataclasses import dataclass
from typing import NamedTuple

from parch_serve.rates import Quota, Rate

__all__ = ["ConnectionGate", "Quota", "Rate", "Refusal"]

CONNECTIONS_PER_ADDRESS = 1000
UNAUTHENTICATED_PER_ADDRESS = 64


class Refusal(NamedTuple):
    """Why a connection is not admitted: a stable code, a sentence, and the cap that was met."""

    code: str
    text: str
    limit: int


@dataclass(slots=True)
class _Held:
    total: int = 0
    unauthenticated: int = 0


class ConnectionGate:
    """Count the open connections of every address and refuse those over a cap."""

    def __init__(
        self, total: int = CONNECTIONS_PER_ADDRESS, unauthenticated: int = UNAUTHENTICATED_PER_ADDRESS
    ) -> None:
        self._total = total
        self._unauthenticated = unauthenticated
        self._held: dict[str, _Held] = {}

    def admit(self, address: str) -> Refusal | None:
        """Count one more connection, not yet authenticated; a refused one is not counted."""
        held = self._held.get(address) or _Held()
        if held.total >= self._total:
            return _refusal("too_many_connections", "connections", self._total)
        if held.unauthenticated >= self._unauthenticated:
            return _refusal("too_many_unauthenticated", "connections that have not signed in", self._unauthenticated)
        held.total += 1
        held.unauthenticated += 1
        self._held[address] = held
        return None

    def authenticated(self, address: str) -> None:
        """Move one admitted connection from the narrow cap to the wide one."""
        self._held[address].unauthenticated -= 1

    def release(self, address: str, authenticated: bool) -> None:
        """Forget one admitted connection; `authenticated` tells whether `authenticated` was called for it."""
        held = self._held[address]
        held.total -= 1
        if not authenticated:
            held.unauthenticated -= 1
        if held.total == 0:
            del self._held[address]

    def __len__(self) -> int:
        """Return the number of addresses that hold a connection."""
        return len(self._held)


def _refusal(code: str, what: str, limit: int) -> Refusal:
    return Refusal(code, f"Too many {what} from this address (limit {limit}). Close some and try again.", limit)
