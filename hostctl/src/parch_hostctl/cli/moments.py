"""Times as results show them: unix seconds in, RFC 3339 UTC text out ("" for never)."""

from datetime import UTC, datetime


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""


def file_stamp(seconds: float) -> str:
    """For file names: "20260102T030405Z"."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
