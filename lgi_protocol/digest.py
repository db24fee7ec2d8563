"""LGI's digest: 16 bytes of state, no key. It detects accidental changes, not forgery (clients.md 4.4)."""

from itertools import cycle

START = b"0123456789ABCDEF"
# The upper half of the sum of two bytes: looked up, which is faster.
_HALVES = bytes((number >> 4) & 15 for number in range(512))


def digest(data: bytes, start: bytes = START) -> str:
    """Return the digest as 32 upper-case hexadecimal digits, the format of ``.hash`` files."""
    if len(start) != 16:
        raise ValueError(f"the digest starts from 16 bytes, not {len(start)}")
    state = bytearray(start)
    for here, byte in zip(cycle(range(16)), data, strict=False):
        old = state[here]
        one, other = _HALVES[byte + old], (byte - old) & 15
        state[here] = old ^ ((byte + here) & 255)
        state[one], state[other] = state[other], state[one]
    return state.hex().upper()
