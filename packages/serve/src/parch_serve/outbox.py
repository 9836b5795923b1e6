"""How much one slow reader may leave unread: frames written and bytes still unsent in, "cut this reader" out. Pure."""

from collections import deque

MAX_FRAMES = 256
MAX_BYTES = 1 << 20


class Outbox:
    """The frames that wait behind a transport that cannot take more.

    Only asked while the transport is paused: a reader that keeps up costs nothing here.
    """

    __slots__ = ("_bytes", "_sizes", "max_bytes", "max_frames")

    def __init__(self, max_frames: int = MAX_FRAMES, max_bytes: int = MAX_BYTES) -> None:
        self.max_frames = max_frames
        self.max_bytes = max_bytes
        self._sizes: deque[int] | None = None  # most readers never need one, and an empty one costs 0.7 KiB
        self._bytes = 0

    def overflows(self, size: int, unsent: int) -> bool:
        """A frame of `size` bytes was written and `unsent` bytes now wait: is that more than one reader may keep?"""
        sizes = self._sizes = self._sizes or deque()
        sizes.append(size)
        self._bytes += size
        while sizes and self._bytes - sizes[0] >= unsent:
            self._bytes -= sizes.popleft()
        return unsent > self.max_bytes or len(sizes) > self.max_frames

    def clear(self) -> None:
        """The transport has caught up."""
        self._sizes = None
        self._bytes = 0
