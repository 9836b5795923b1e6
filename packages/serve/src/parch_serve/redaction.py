"""Keep secrets out of logs. Comes in: a log event. Goes out: the same with secrets masked; nothing else changes."""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

MASK = "********"
_SECRET_KEYS = re.compile(
    r"(?:^|[_-])(?:token|password|passphrase|secret|signature|authorization|cookie)s?$|private_?key$|^database_?url$",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/?#\s@]*:[^?#\s]*@", re.IGNORECASE)


def redact_event(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask secret keys at any depth, and the credentials of URLs in any text (a structlog processor)."""
    return {key: _redact(key, value) for key, value in event.items()}


def redact_text(text: str) -> str:
    """Return `text` with `scheme://user:password@` shortened to `scheme://********@`."""
    return _CREDENTIALS.sub(rf"\g<scheme>{MASK}@", text)


def _redact(key: object, value: Any) -> Any:
    if isinstance(key, str) and _SECRET_KEYS.search(key) and value:
        return MASK
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {inner: _redact(inner, item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(None, item) for item in value]
    return value
