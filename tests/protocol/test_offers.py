"""The capabilities that resources announce for an application, and the requests of jobs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgi_protocol import capabilities as lgi_protocol_capabilities
from lgi_protocol import xml

TOLD = "<images> psi4:1.5, Not:1, crest:2 </images> <max_cpus> 8 </max_cpus> <max_memory> 4000 </max_memory>"
ONE, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
PINNED = f"<image_digests> psi4:1.5@{ONE} </image_digests>"


@pytest.mark.parametrize("inside", [TOLD, xml.escape(TOLD)], ids=["as it is", "escaped"])
def test_the_announcement_of_an_application_is_read(inside: str) -> None:
    """It may be escaped, as by daemons, or not."""
    told = lgi_protocol_capabilities.read_capabilities(
        f"<other> <max_cpus> 1 </max_cpus> </other> <command> {inside} </command>", "command"
    )

    assert (told.images, told.is_complete) == (("psi4:1.5", "crest:2"), True)
    assert told.maximum == {"cpus": 8, "memory": 4000}


@pytest.mark.parametrize(
    ("told", "specifics", "lacks"),
    [
        (TOLD, "", ""),
        (TOLD, "<image> psi4:1.5 </image> <cpus> 8 </cpus>", ""),
        (TOLD, "<image> psi4:1.6 </image>", "has no image psi4:1.6"),
        (TOLD, f"<image> psi4:1.5@{ONE} </image>", f"has no image psi4:1.5@{ONE}"),
        (f"{TOLD} {PINNED}", f"<image> psi4:1.5@{ONE} </image>", ""),
        (f"{TOLD} {PINNED}", f"<image> psi4:1.5@{OTHER} </image>", f"has no image psi4:1.5@{OTHER}"),
        (f"{TOLD} {PINNED}", f"<image> crest:2@{ONE} </image>", f"has no image crest:2@{ONE}"),
        (f"{TOLD} <image_digests> ... </image_digests>", f"<image> crest:2@{ONE} </image>", ""),
        (f"{TOLD} {PINNED}", "<image> psi4:1.5@ </image>", "has no image psi4:1.5@"),
        ("<images> a:1, ... </images>", f"<image> b:2@{ONE} </image>", ""),
        (TOLD, "<cpus> 99 </cpus>", "gives a job 8 cpus at most, not 99"),
        (
            TOLD,
            "<image> a:1 </image><memory>\n9000 </memory>",
            "has no image a:1, gives a job 4000 MB of memory at most, not 9000",
        ),
        (TOLD, "<walltime> 1000:00 </walltime> <cpus> many </cpus>", ""),
        ("<images>  </images>", "<image> psi4:1.5 </image>", "has no image psi4:1.5"),
        ("<images> a:1, ... </images>", "<image> psi4:1.5 </image>", ""),
        ("shell scripts", "<image> psi4:1.5 </image> <cpus> 99 </cpus>", ""),
        ("<max_walltime> 3600 </max_walltime>", "<walltime> 01:00:00 </walltime>", ""),
        (
            "<max_walltime> 3600 </max_walltime>",
            "<walltime> 01:00:01 </walltime>",
            "gives a job 3600 seconds of walltime at most, not 3601",
        ),
        (
            "<max_cpus> 8 </max_cpus>",
            "<cpus> 1 </cpus> <x> <cpus> 9 </cpus> </x>",
            "gives a job 8 cpus at most, not 9",
        ),
        ("<!DOCTYPE x>", "<image> psi4:1.5 </image>", ""),
    ],
)
def test_a_resource_lacks_only_what_its_announcement_says(told: str, specifics: str, lacks: str) -> None:
    """Where it says nothing, or not all, it may have it."""
    assert (
        lgi_protocol_capabilities.missing_capability(f"<command> {told} </command>", "command", specifics)
        == lacks
    )


@given(st.text("<>/ ab:1image&lt;!-s"), st.text("<>/ ab:1image&lt;"))
def test_no_text_makes_the_search_for_a_missing_capability_fail(capabilities: str, specifics: str) -> None:
    """Capabilities and specifics are texts of others, and may be anything."""
    lgi_protocol_capabilities.missing_capability(
        f"<a>{capabilities}</a>", "a", specifics + "<image> a:1 </image>"
    )


def test_a_long_request_is_cut() -> None:
    """It is said of each resource."""
    told = lgi_protocol_capabilities.missing_capability(
        "<a> <images> x:1 </images> </a>", "a", f"<image> {'y' * 60_000} </image>"
    )

    assert told == f"has no image {'y' * 200}"
