"""What the engine refuses, as one tree: a stable code, a sentence for people, and a hint that says what to do.

HostError
├── Refused        a request that a rule forbids; nothing was changed
├── StoreError     the database cannot do it; the whole transaction is undone
├── ConfigError    a setting or a file of the host that cannot be used
├── LinkError      the relay will not have this host, and trying again would not help
└── Unreachable    the relay cannot be reached or cannot answer now; trying again may help
"""


class HostError(Exception):
    """`code` is stable and snake case, `text` a sentence, `hint` what to do; the same shape as WireError."""

    def __init__(self, code: str, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.hint = hint


class Refused(HostError):
    pass


class StoreError(HostError):
    pass


class ConfigError(HostError):
    pass


class LinkError(HostError):
    pass


class Unreachable(HostError):
    pass
