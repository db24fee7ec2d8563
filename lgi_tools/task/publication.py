"""Images of containers that are published: a job for each resource that takes them stores the image there."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from lgi_protocol import capabilities, xml
from lgi_protocol.value_object import value_object
from lgi_tools.client.command_line import APPLICATION as CONTAINERS
from lgi_tools.client.project import Project
from lgi_tools.client.resource import Resource
from lgi_tools.task import folder

# What the owner of a resource offers whose containers take images (applications/image_store).
APPLICATION = "image_store"


@value_object
class Publication:
    """The job that stores an image on a resource; 0 when the resource has it already."""

    resource: str
    job_id: int = 0


def check_name(name: str) -> None:
    """Raise ValueError for a name by which no image can be published; a digest is made of its file."""
    if not capabilities.is_image(name) or "@" in name:
        raise ValueError(f"{name!r} is not the name of an image, as group/psi4:1.5")


def pinned(name: str, file: Path) -> str:
    """Return a name with the digest of a file. Raises ValueError for an invalid or pinned name, OSError."""
    check_name(name)
    if not file.is_file():
        raise ValueError(f"{file} is not a file")
    return f"{name}@sha256:{folder.digest(file)}"


def takers(resources: Iterable[Resource], named: Iterable[str] = ()) -> list[Resource]:
    """Return the resources that take images, of some names if these are given.

    Raises ValueError when there is none, or for a name of none.
    """
    found = {one.name: one for one in resources if _takes_images(one)}
    names = list(named) or list(found)
    if unknown := [name for name in names if name not in found]:
        raise ValueError(f"{unknown[0]} takes no images: its owner offers no application {APPLICATION}")
    if not names:
        raise ValueError(f"no resource takes images: none offers the application {APPLICATION}")
    return [found[name] for name in names]


def _takes_images(resource: Resource) -> bool:
    try:
        return bool(xml.find_all(resource.capabilities, APPLICATION))
    except ValueError:
        return False


def publish(project: Project, image: str, file: Path, resources: Iterable[Resource]) -> Iterator[Publication]:
    """Send an image, a name with its digest, to resources. Yield each when its job is queued."""
    name, _, digest = image.partition("@")
    for one in resources:
        known = capabilities.read_capabilities(one.capabilities, CONTAINERS).digests
        if known.get(name) == digest:
            yield Publication(one.name)
            continue
        job = project.submit(
            APPLICATION, files=[file], targets=[one.name], specifics={"publish": image}, name="publish"
        )
        yield Publication(one.name, job.id)
