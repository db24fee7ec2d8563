"""Job specifics: XML that a user adds to a job, read by the application."""

from collections.abc import Mapping

from lgi_protocol import xml
from lgi_tools.client.interface_calls import check_text


def as_xml(specifics: Mapping[str, str | int]) -> str:
    """Return one XML element per name. Raises ValueError for an invalid name, or text that is not UTF-8."""
    check_text({name: str(text) for name, text in specifics.items()})
    for name in specifics:
        if not xml.is_name(name):
            raise ValueError(f"{name!r} cannot be the name of a tag")
    return " ".join(xml.write(xml.Element(name, str(text))) for name, text in specifics.items())
