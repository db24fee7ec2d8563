"""A setting of the configuration: how its text is read, and its default."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

_METADATA = "setting"


@dataclass(frozen=True)
class Setting:
    """The definition of a setting.

    ``read`` turns its text into a value and raises ValueError or OSError. ``attribute`` is its name in the
    dataclass of the section. ``is_file``: the value is a file that must be readable. ``is_list``: it takes
    several values with commas.
    """

    name: str
    attribute: str
    read: Callable[[str], object]
    is_required: bool
    is_file: bool
    is_list: bool


def setting(
    read: Callable[[str], object],
    *,
    name: str = "",
    is_file: bool = False,
    is_list: bool = False,
    **default: Any,
) -> Any:
    """Return a field of a section's dataclass that can be set in the file.

    ``name`` is its name in the file, if not that of the field; ``default`` is ``default`` or
    ``default_factory`` as of `dataclasses.field`, or nothing when the setting is required.
    """
    about = {"name": name, "read": read, "is_file": is_file, "is_list": is_list}
    return field(metadata={_METADATA: about}, **default)


def settings_of(section: type) -> Mapping[str, Setting]:
    """Return the settings of a section's dataclass by their names in the file, in their order."""
    found = (_setting(one) for one in fields(section) if _METADATA in one.metadata)
    return {one.name: one for one in found}


def _setting(one: Field[Any]) -> Setting:
    about = dict(one.metadata[_METADATA])
    name = about.pop("name") or one.name
    is_required = one.default is MISSING and one.default_factory is MISSING
    return Setting(name=name, attribute=one.name, is_required=is_required, **about)
