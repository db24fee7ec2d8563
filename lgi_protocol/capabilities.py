"""What a resource tells of an application beside its name: its images, and the most a job may ask for.

applications/library/capabilities.sh tells it. Daemon, server and tools read it, and what jobs ask for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_protocol.xml_reader import elements, find, unescape

# <images> psi4:1.5, crest:2.11.2 </images> is all there are, unless "..." is among them.
IMAGES, AND_MORE = "images", "..."
# <max_cpus> 8 </max_cpus> is the most for one job, of each of these.
MOST = "max_"
UNITS = {"cpus": "cpus", "nodes": "nodes", "memory": "MB of memory", "walltime": "seconds of walltime"}
_LONGEST = 200
_IMAGE = re.compile(r"[a-z0-9][a-z0-9_-]*([./][a-z0-9_-]+)*:[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}\Z")
_CLOCK = re.compile(r"([0-9]{2,3}):([0-5][0-9]):([0-5][0-9])\Z")


@dataclass(frozen=True)
class ApplicationCapabilities:
    """What is told of an application: images, whether those are all, and the most of each of `UNITS`."""

    images: tuple[str, ...]
    is_all: bool
    most: Mapping[str, int]


def is_image(name: str) -> bool:
    """Whether a resource would take a text for an image: ``psi4:1.5``."""
    return bool(_IMAGE.match(name))


def offer(capabilities: str, application: str) -> ApplicationCapabilities:
    """What a resource's capabilities tell; nothing where they cannot be read.

    A daemon escapes what its application tells, others need not.
    """
    said: dict[str, list[str]] = {}
    try:
        told = find(capabilities, application)
        for text in dict.fromkeys((told.inside, unescape(told.inside))) if told else ():
            for one in elements(text):
                said.setdefault(one.name, []).append(one.text)
    except ValueError:
        return ApplicationCapabilities((), False, {})
    names = comma_lists.unique(name for text in said.get(IMAGES, ()) for name in comma_lists.split(text))
    most = {name: _whole(said[MOST + name][-1]) for name in UNITS if MOST + name in said}
    return ApplicationCapabilities(
        images=tuple(name for name in names if is_image(name)),
        is_all=IMAGES in said and AND_MORE not in names,
        most={name: number for name, number in most.items() if number},
    )


def readable(capabilities: str) -> str:
    """Capabilities for a person, or a program that is no XML parser: what a daemon escapes as it was written.

    On the wire each application's stand escaped in an element of its name, which may hold anything.
    """
    parts, at = [], 0
    try:
        for told in elements(capabilities):
            inside = capabilities.index(">", told.begin) + 1
            parts += [capabilities[at:inside], unescape(told.inside)]
            at = inside + len(told.inside)
    except ValueError:
        return capabilities
    return "".join(parts) + capabilities[at:]


def requested(specifics: str, tag: str) -> str:
    """What a job asks for, as the scripts of `command` read it: the last such tag, however deep, cut."""
    found: list[str] = re.findall(f"<{tag}>([^<>]*)</{tag}>", specifics)
    return found[-1].strip()[:_LONGEST] if found else ""


def requested_number(specifics: str, tag: str) -> int:
    """A number a job asks for (`walltime` in seconds); 0 when it does not, or not with a number."""
    said = requested(specifics, tag)
    if tag == "walltime" and (clock := _CLOCK.match(said)):
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3])
    return _whole(said)


def _whole(text: str) -> int:
    return int(text) if _NUMBER.match(text) else 0


def missing_capability(capabilities: str, application: str, specifics: str) -> str:
    """Why a resource, by its own word, never takes a job: ``has no image psi4:1.6``; empty when it may."""
    wanted = {tag: asked for tag in UNITS if (asked := requested_number(specifics, tag))}
    image = requested(specifics, "image")
    if not wanted and not image:
        return ""
    told = offer(capabilities, application)
    faults = [f"has no image {image}"] if image and told.is_all and image not in told.images else []
    faults += [
        f"gives a job {told.most[tag]} {UNITS[tag]} at most, not {asked}"
        for tag, asked in wanted.items()
        if asked > told.most.get(tag, asked)
    ]
    return ", ".join(faults)
