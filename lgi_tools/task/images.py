"""The container images that resources announce."""

from collections.abc import Iterable, Mapping

from lgi_protocol import capabilities
from lgi_tools.client.command_line import APPLICATION
from lgi_tools.client.resource import Resource


def image(code: str, version: str) -> str:
    """Return the image name, as ``psi4:1.5``. Raises ValueError for an invalid one."""
    name = f"{code}:{version}"
    if not capabilities.is_image(name):
        raise ValueError(
            f"{name!r} is not a container image: write CODE as psi4 or group/psi4, VERSION as 1.5, or as "
            "1.5@sha256:DIGEST to pin it"
        )
    return name


def announced(resources: Iterable[Resource]) -> Mapping[str, list[str]]:
    """Return each image, sorted by name, with the names of the resources that announce it."""
    return {name: list(digests) for name, digests in announced_digests(resources).items()}


def announced_digests(resources: Iterable[Resource]) -> Mapping[str, Mapping[str, str]]:
    """Return each image, sorted by name, with its digest by the names of the resources; empty if unknown."""
    found: dict[str, dict[str, str]] = {}
    for resource in resources:
        offered = capabilities.read_capabilities(resource.capabilities, APPLICATION)
        for name in offered.images:
            found.setdefault(name, {})[resource.name] = offered.digests.get(name, "")
    return dict(sorted(found.items()))
