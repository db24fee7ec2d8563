"""Which containers resources say they have."""

import re
from collections.abc import Iterable, Mapping

from lgi_protocol import lists, xml
from lgi_tools.command_line import APPLICATION
from lgi_tools.job_values import Resource

# Within what a resource tells of the application: <images> psi4:1.5, crest:2.11.2 </images>.
TAG = "images"
_IMAGE = re.compile(r"[a-z0-9][a-z0-9_-]*([./][a-z0-9_-]+)*:[A-Za-z0-9_][A-Za-z0-9._-]*\Z")


def image(code: str, version: str) -> str:
    """``psi4:1.5``. ValueError when no resource would take it for an image."""
    name = f"{code}:{version}"
    if not _IMAGE.match(name):
        raise ValueError(f"{name!r} is no container: CODE is as psi4 or group/psi4, VERSION as 1.5")
    return name


def announced(resources: Iterable[Resource]) -> Mapping[str, list[str]]:
    """Each container in order of its name, with the resources that say they have it."""
    found: dict[str, list[str]] = {}
    for resource in resources:
        for name in images_of(resource):
            found.setdefault(name, []).append(resource.name)
    return dict(sorted(found.items()))


def images_of(resource: Resource) -> tuple[str, ...]:
    """The containers a resource says it has; a daemon escapes what its application tells, others need not."""
    try:
        told = xml.find(resource.capabilities, APPLICATION)
        if told is None:
            return ()
        texts = (told.inside, xml.unescape(told.inside))
        names = [name for text in texts for one in xml.find_all(text, TAG) for name in lists.split(one.text)]
    except ValueError:
        return ()
    return tuple(dict.fromkeys(name for name in names if _IMAGE.match(name)))
