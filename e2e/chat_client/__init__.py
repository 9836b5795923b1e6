"""A small chat client for tests and benchmarks: identities that seal and open v1 envelopes, a browser's websocket."""

from .client import ChatClient, Frame, Refused
from .crypto import Identity, Recipient

__all__ = ["ChatClient", "Frame", "Identity", "Recipient", "Refused"]
