"""Message timestamps that serve as cursors: a clock and the previous stamp in, an RFC 3339 text out; and back to a row.

Old browsers page with the text of the oldest message they show (spec §7.8), so a text must name one message:

* A new message gets microseconds, always six digits, and always later than the message before it in its channel, even
  when the clock stands still or jumps back. Text order is therefore the order of the ids.
* A message of the original has whole seconds, shared by a whole burst (spec Q11). It is stored as it is and handed out
  with its id as the fraction: row 123 at `…25Z` becomes `…25.000000123Z`. Nine digits or more, so it is never mistaken
  for a new one.
* Exactly three digits come from a browser's own clock: it asks for the newest messages, not for those before one.
"""

import re
from datetime import UTC, datetime, timedelta

_WHOLE = "2026-01-02T03:04:05Z"
_MICRO = "2026-01-02T03:04:05.678901Z"
_WITH_ID = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9,18})Z")
_FROM_CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CLOCK_SKEW = timedelta(minutes=5)


def stamp(now: float, previous: str) -> str:
    """The stamp of a message saved at `now` (unix s), after one stamped `previous` ("" = the first)."""
    text = _text(datetime.fromtimestamp(now, UTC))
    return text if text > previous else _after(previous) or text


def served(row_id: int, stored: str) -> str:
    """The timestamp readers get: it names this message and no other."""
    return f"{stored[:-1]}.{row_id:09d}Z" if _is_whole(stored) else stored


def row_named_by(text: str) -> tuple[int, str] | None:
    """The id and stored timestamp behind a text that `served` made from whole seconds."""
    match = _WITH_ID.fullmatch(text)
    return (int(match[2]), f"{match[1]}Z") if match else None


def asks_for_newest(text: str, now: float) -> bool:
    """Is `text` a browser's clock, at most CLOCK_SKEW behind the host's or anything ahead of it?"""
    return bool(_FROM_CLOCK.fullmatch(text)) and text >= _text(datetime.fromtimestamp(now, UTC) - CLOCK_SKEW)


def _after(previous: str) -> str:
    """The next stamp in text order; a fraction sorts before a bare `Z`, so whole seconds are left behind entirely."""
    step = timedelta(seconds=1) if _is_whole(previous) else timedelta(microseconds=1)
    if not _is_whole(previous) and len(previous) != len(_MICRO):
        return ""
    try:
        return _text(datetime.fromisoformat(previous) + step)
    except (ValueError, OverflowError):
        return ""


def _is_whole(text: str) -> bool:
    return len(text) == len(_WHOLE) and text.endswith("Z")


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
