"""Posted forms that no program of ours would send: strategies of hypothesis, and how their bytes look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

from lgi_server.api.fields import INTEGER, LONG, SHORT, Field

Pairs = tuple[tuple[str, bytes], ...]
Values = st.SearchStrategy[bytes]
BOUNDARY = "@$_Th1s_1s_th3_b0und@ry_@$"
# Texts that have fooled one program or another.
TEXTS = (
    "</job_specifics><state>finished</state>",
    "</job_specifics> <state> finished </state> <job_specifics>",
    "<a> 1 </a>",
    "<a>&lt;/job_specifics&gt;</a>",
    "<repository> x </repository>",
    "<a b=\"c\" d='e'> 1 </a> <!-- c --> ",
    "<x:a xmlns:x='u'> 1 </x:a>",
    "&lt;state&gt;",
    "&#x3c;state&#x3e;",
    "<![CDATA[<state>]]>",
    "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>",
    "a\0b",
    "a\r\nb",
    "a\x1bb",
    "a\x85b",
    "a\u202eb",
    "\ufeffa",
    "a\u200bb",
    "a\u2028b",
    "\ufffe",
    "a\uffffb",
    "\U0001f600",
    "\U0010ffff",
    "größe",
    "gro\u0308ße",
    "\u00a0a\u3000",
    "any",
    "!any",
    "!",
    "!!a",
    "a,,b,a",
    ",",
    "%00",
    "%s %d %(a)s {0}",
    "' OR 1=1 --",
    '"; DROP TABLE job_queue; --',
    "../../../etc/passwd",
    "$(id)`id`",
    "admin",
    "queued",
    "running",
    "finished",
    "aborting",
    "deleted",
)
NUMBERS = (
    *("0", "1", "2", "-1", "+1", "007", "1.5", "1e3", "0x10", "1_0", "1 2", "999999999", "9999999999"),
    *("٣", "²", "１", "NaN", "true", "9" * 5000, "4, 5", "1, x"),
)
BYTES = (b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\xafx", b"\xf8\x88\x80\x80\x80", "größe".encode("utf-16"))
UNKNOWN = ("x", "größe", "JOB_ID", "job_id ", "job_id[]", "__proto__", "uploaded_file_1", "number_of_jobs")


@dataclass(frozen=True)
class Body:
    """The bytes of a form and their Content-Type."""

    content: bytes
    content_type: str


def values(field: Field) -> Values:
    """Values of a field: right ones, wrong ones, and those at its limit."""
    texts = st.one_of(st.sampled_from((*TEXTS, *NUMBERS)), st.text(max_size=12)).map(str.encode)
    short = st.one_of(texts, st.sampled_from(BYTES), st.binary(max_size=8))
    return st.one_of(short, short, st.sampled_from(at_limit(field)), st.sampled_from((b"", b"  ", b"\t\n")))


def at_limit(field: Field) -> Sequence[bytes]:
    """Values of one byte less than the limit, as many, and one more; hexadecimal ones too."""
    sizes = (field.limit - 1, field.limit, field.limit + 1)
    made = [pattern * (size // len(pattern)) for size in sizes for pattern in (b"1", b"a", b"\xc3\xa9")]
    if field.limit >= LONG - 1:
        made += [b"6a" * size for size in sizes]
        made += [b"<a>" + b"1" * (size - 7) + b"</a>" for size in sizes]
    if field.limit == SHORT:
        made += [b"a," * (size // 2) for size in sizes]
    if field.limit == INTEGER:
        made += [b"0" * (size - 1) + b"1" for size in sizes]
    return made


@st.composite
def forms(draw: st.DrawFn, fields: Sequence[Field], good: Mapping[str, str]) -> Pairs:
    """A good form with some fields left out, changed or doubled, and with fields that nobody knows."""
    pairs = {name: [value.encode()] for name, value in good.items()}
    for field in draw(st.lists(st.sampled_from(fields), max_size=3, unique=True)):
        old, new = pairs.get(field.name, []), draw(values(field))
        pairs[field.name] = draw(st.sampled_from([[new], [new], [*old, new], [new, *old], []]))
    for name in draw(st.lists(st.sampled_from(UNKNOWN), max_size=1)):
        pairs[name] = [draw(st.binary(max_size=4))]
    return tuple((name, value) for name, values in pairs.items() for value in values)


def encoded(fields: Mapping[str, str]) -> Pairs:
    """A form as our own programs post it."""
    return tuple((name, value.encode()) for name, value in fields.items())


def posted(pairs: Pairs) -> Mapping[str, str]:
    """What a form says: of a field that is posted twice the first value; U+FFFD for what is not UTF-8."""
    return {name: value.decode("utf-8", "replace") for name, value in reversed(pairs)}


def urlencoded(pairs: Pairs) -> Body:
    """As browsers and libcurl write a form without files."""
    parts = (f"{quote_from_bytes(name.encode())}={quote_from_bytes(value)}" for name, value in pairs)
    return Body("&".join(parts).encode(), "application/x-www-form-urlencoded")


def multipart(pairs: Pairs) -> Body:
    """As LGI.py writes each form."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
        for name, value in pairs
    ]
    content = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return Body(content, f"multipart/form-data; boundary={BOUNDARY}")


def bodies(fields: Sequence[Field], good: Mapping[str, str]) -> st.SearchStrategy[tuple[Pairs, Body]]:
    """Forms, and how they are sent."""
    writers = st.sampled_from((urlencoded, multipart))
    return st.tuples(forms(fields, good), writers).map(lambda made: (made[0], made[1](made[0])))


def broken_bodies() -> st.SearchStrategy[Body]:
    """Bytes that are no form of the type they claim, or only a part of one."""
    whole = multipart((("project", b"LGI"), ("job_id", b"1")))
    parts = st.integers(0, len(whole.content)).map(lambda size: whole.content[:size])
    types = (
        *(whole.content_type, "multipart/form-data", "multipart/form-data; boundary=", "text/plain"),
        *("application/x-www-form-urlencoded; charset=utf-16", "application/json", "x", ""),
        "multipart/form-data; boundary=" + "b" * 300,
    )
    content = st.one_of(parts, st.binary(max_size=40), st.just(b"&" * 2000), st.just(b"%zz=%&=&%c3"))
    return st.builds(Body, content, st.sampled_from(types))
