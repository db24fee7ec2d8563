"""The capabilities of an application on a resource: its images, and the maximum a job may request.

applications/library/capabilities.sh writes them; daemon, server and tools read them and compare them with
the requests in a job's specifics.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field

from lgi_protocol import comma_lists
from lgi_protocol.value_object import value_object
from lgi_protocol.xml_reader import elements, find, unescape

# <images> psi4:1.5, crest:2.11.2 </images> is the complete list, unless it contains "...".
IMAGES, AND_MORE = "images", "..."
# <image_digests> psi4:1.5@sha256:... </image_digests> are the digests of these images, where they are known.
DIGESTS = "image_digests"
# <unavailable> squeue: command not found </unavailable>: the resource takes no jobs of the application now.
UNAVAILABLE = "unavailable"
# <max_cpus> 8 </max_cpus> is the maximum for one job; there is one for each of these.
MOST = "max_"
UNITS = {
    "cpus": "cpus",
    "nodes": "nodes",
    "memory": "MB of memory",
    "walltime": "seconds of walltime",
    "gpus": "GPUs",
}
# A resource that says nothing of its GPUs has none for jobs; of the others it has no maximum then.
GPUS = "gpus"
_LONGEST = 200
_IMAGE = re.compile(r"[a-z0-9][a-z0-9_-]*([./][a-z0-9_-]+)*:[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_NUMBER, _TOO_LONG = re.compile(r"[1-9][0-9]{0,8}\Z"), re.compile(r"[1-9][0-9]{9,}\Z", re.ASCII)
# What a number of more digits is read as: no resource gives as much.
_HUGE = 10**9
_CLOCK = re.compile(r"([0-9]{2,3}):([0-5][0-9]):([0-5][0-9])\Z")


@value_object
class ApplicationCapabilities:
    """Images of an application, whether that list is complete, and the maximum of each of `UNITS`.

    ``digests`` are those of images, by their names; with "..." among them there are more. ``unavailable`` is
    why the resource takes no jobs of it now; empty when it does.
    """

    images: tuple[str, ...]
    is_complete: bool
    maximum: Mapping[str, int]
    unavailable: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)

    def has_image(self, image: str) -> bool:
        """Return whether an application may have an image, with the digest if it is pinned by one."""
        name, is_pinned, digest = image.partition("@")
        if self.is_complete and name not in self.images:
            return False
        if not is_pinned or not self.is_complete:
            return True
        return self.digests.get(name, digest if AND_MORE in self.digests else "") == digest


def is_image(name: str) -> bool:
    """Return whether a text is a valid image name, such as ``psi4:1.5``; ``@sha256:...`` may follow."""
    plain, is_pinned, digest = name.partition("@")
    return bool(_IMAGE.match(plain)) and (not is_pinned or bool(_DIGEST.match(digest)))


def read_capabilities(capabilities: str, application: str) -> ApplicationCapabilities:
    """Parse the capabilities of one application; return empty ones when the XML cannot be parsed.

    The content of the application's element may be escaped (as our daemon writes it) or plain XML.
    """
    texts: dict[str, list[str]] = {}
    try:
        part = find(capabilities, application)
        for text in dict.fromkeys((part.inside, unescape(part.inside))) if part else ():
            for element in elements(text):
                texts.setdefault(element.name, []).append(element.text)
    except ValueError:
        return ApplicationCapabilities((), False, {})
    names = comma_lists.unique(name for text in texts.get(IMAGES, ()) for name in comma_lists.split(text))
    maximum = {name: _positive(texts[MOST + name][-1]) for name in UNITS if MOST + name in texts}
    return ApplicationCapabilities(
        images=tuple(name for name in names if _IMAGE.match(name)),
        is_complete=IMAGES in texts and AND_MORE not in names,
        maximum={name: number for name, number in maximum.items() if number},
        unavailable=texts.get(UNAVAILABLE, [""])[-1][:_LONGEST],
        digests=_digests(texts.get(DIGESTS, ())),
    )


def _digests(texts: Iterable[str]) -> dict[str, str]:
    names = (name for text in texts for name in comma_lists.split(text) if name == AND_MORE or is_image(name))
    parts = (name.partition("@") for name in names)
    return {name: digest for name, is_pinned, digest in parts if is_pinned or name == AND_MORE}


def unavailable_reason(capabilities: str, application: str) -> str:
    """Return why a resource takes no jobs of an application now, as it reports; empty when it does."""
    return read_capabilities(capabilities, application).unavailable


def readable(capabilities: str) -> str:
    """Return capabilities with the content of each application's element unescaped, for display.

    On the wire that content is escaped, since it may be any text. Return the input when it is not XML.
    """
    parts, at = [], 0
    try:
        for part in elements(capabilities):
            inside = capabilities.index(">", part.begin) + 1
            parts += [capabilities[at:inside], unescape(part.inside)]
            at = inside + len(part.inside)
    except ValueError:
        return capabilities
    return "".join(parts) + capabilities[at:]


def requested(specifics: str, tag: str) -> str:
    """Return the text of the last ``<tag>`` at any depth, cut to 200 characters, as requests.sh reads it."""
    found: list[str] = re.findall(f"<{tag}>([^<>]*)</{tag}>", specifics)
    return found[-1].strip()[:_LONGEST] if found else ""


def requested_number(specifics: str, tag: str) -> int:
    """Return the number a job requests (``walltime`` in seconds); 0 when there is none or it is not one.

    Of GPUs more than nine digits are a number too, which no resource has: no job runs without those it needs.
    """
    text = requested(specifics, tag)
    if tag == "walltime" and (clock := _CLOCK.match(text)):
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3])
    if tag == GPUS and _TOO_LONG.match(text):
        return _HUGE
    return _positive(text)


def _positive(text: str) -> int:
    return int(text) if _NUMBER.match(text) else 0


def missing_capability(capabilities: str, application: str, specifics: str) -> str:
    """Return why the capabilities exclude a job, as ``has no image psi4:1.6``; empty when they do not."""
    numbers = {tag: requested_number(specifics, tag) for tag in UNITS}
    requests = {tag: number for tag, number in numbers.items() if number}
    image = requested(specifics, "image")
    if not requests and not image:
        return ""
    offered = read_capabilities(capabilities, application)
    faults = [f"has no image {image}"] if image and not offered.has_image(image) else []
    faults += [
        f"gives a job {offered.maximum[tag]} {UNITS[tag]} at most, not {number}"
        for tag, number in requests.items()
        if number > offered.maximum.get(tag, number)
    ]
    if GPUS in requests and GPUS not in offered.maximum:
        faults.append("has no GPUs for jobs")
    return ", ".join(faults)
