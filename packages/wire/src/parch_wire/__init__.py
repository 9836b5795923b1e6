"""What is said on the Parch wire: bytes and text in, typed messages and verdicts out.

Nothing here does I/O, reads a clock or draws randomness; those are arguments. Keys and signatures are `cryptography`'s.
"""
