"""What a server says of why a job does not run (docs/wire.md 7, "Ours")."""

from collections.abc import Mapping
from dataclasses import dataclass

from lgi_protocol import xml
from lgi_protocol.reply import leading_number


@dataclass(frozen=True)
class LicenceUse:
    """A licence that a job wants, and how many of it all jobs use now."""

    name: str
    wanted: int
    total: int
    used: int


@dataclass(frozen=True)
class Explanation:
    """Why a job stands as it does. ``running`` are jobs of its application, by the name of the resource."""

    message: str
    jobs_before: int
    or_more: bool
    licences: tuple[LicenceUse, ...]
    running: Mapping[str, int]


def read_explanation(content: str) -> Explanation:
    """What stands inside ``<explanation>``."""

    def number(inside: str, tag: str) -> int:
        return leading_number(xml.value(inside, tag))

    licences = [found.inside for found in xml.find_all(content, "licence")]
    resources = [found.inside for found in xml.find_all(content, "resource")]
    return Explanation(
        message=xml.value(content, "message"),
        jobs_before=number(content, "jobs_before"),
        or_more=number(content, "more_before") > 0,
        licences=tuple(
            LicenceUse(
                xml.value(one, "name"), number(one, "wanted"), number(one, "total"), number(one, "used")
            )
            for one in licences
        ),
        running={xml.value(one, "resource_name"): number(one, "running_jobs") for one in resources},
    )
