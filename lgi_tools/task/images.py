"""Which containers resources say they have."""

from collections.abc import Iterable, Mapping

from lgi_protocol import capabilities
from lgi_tools.client.command_line import APPLICATION
from lgi_tools.client.models import Resource


def image(code: str, version: str) -> str:
    """``psi4:1.5``. ValueError when no resource would take it for an image."""
    name = f"{code}:{version}"
    if not capabilities.is_image(name):
        raise ValueError(f"{name!r} is no container: CODE is as psi4 or group/psi4, VERSION as 1.5")
    return name


def announced(resources: Iterable[Resource]) -> Mapping[str, list[str]]:
    """Each container in order of its name, with the resources that say they have it."""
    found: dict[str, list[str]] = {}
    for resource in resources:
        for name in capabilities.read_capabilities(resource.capabilities, APPLICATION).images:
            found.setdefault(name, []).append(resource.name)
    return dict(sorted(found.items()))
