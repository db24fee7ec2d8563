"""LGI's digest of files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgi_protocol.digest import START, digest


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "30313233343536373839414243444546"),
        (b"a", "51393233343536373831414243444546"),
        (b"a\n", "51343233323536373831414243444546"),
        (b"hello world", "58375C2F4B424B4343655C5742444546"),
        (b"x" * 1000, "4446CA45C9C0C2CDBB44CA4E4E464AB4"),
        (b"0123456789" * 100, "7374720B0C0C4907463B420A35730538"),
        (bytes(i % 256 for i in range(1000)), "3AD6987A0F248F3586293B170A061107"),
        (b"0123456789abcdef" * 64, "13691B0B0B27601F5F363368621E7100"),
        (b"0123456789" * 103, "7F7E3141063E0F4A72080473497F724D"),
        (b"\xff\x80\x7f\x00", "CFB0C744343536373843413239304542"),
    ],
    ids=["empty", "a", "a newline", "hello", "x", "digits", "bytes", "1024", "1030", "high"],
)
def test_the_digest_is_lgi_s(data: bytes, expected: str) -> None:
    """Ruling 9: what LGI's own hash tool prints; it has no key and proves nothing."""
    assert digest(data) == expected


@given(st.lists(st.binary(min_size=16, max_size=16)), st.binary(max_size=40))
def test_blocks_one_after_the_other_equal_one_pass(blocks: list[bytes], rest: bytes) -> None:
    """Each block of a multiple of 16 bytes starts from the state the last one left."""
    state = START
    for block in [*blocks, rest]:
        state = bytes.fromhex(digest(block, state))

    assert state.hex().upper() == digest(b"".join(blocks) + rest)


@given(st.binary(max_size=64))
def test_a_digest_is_32_upper_case_digits(data: bytes) -> None:
    """As a ``.hash`` file holds it."""
    made = digest(data)

    assert len(made) == 32
    assert set(made) <= set("0123456789ABCDEF")


@pytest.mark.parametrize("start", [b"", b"0" * 15, b"0" * 17])
def test_a_start_value_has_16_bytes(start: bytes) -> None:
    """Anything else is ValueError."""
    with pytest.raises(ValueError, match="16 bytes"):
        digest(b"", start)
