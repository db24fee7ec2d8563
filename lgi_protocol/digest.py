"""LGI's digest: 16 bytes of state, no key. It detects accidental changes, not forgery (clients.md 4.4)."""

START = b"0123456789ABCDEF"


def digest(data: bytes, start: bytes = START) -> str:
    """Return the digest as 32 upper-case hexadecimal digits, the format of ``.hash`` files."""
    if len(start) != 16:
        raise ValueError(f"the digest starts from 16 bytes, not {len(start)}")
    state = bytearray(start)
    for index, byte in enumerate(data):
        here = index & 15
        old = state[here]
        one, other = ((byte + old) >> 4) & 15, (byte - old) & 15
        state[here] = old ^ ((byte + here) & 255)
        state[one], state[other] = state[other], state[one]
    return state.hex().upper()
