"""Common names of certificates: fields split at ``;``, positional (wire.md 5, ruling 3)."""

import re
import unicodedata

from lgi_protocol import comma_lists
from lgi_protocol.value_object import value_object

_RESOURCE_NAME = re.compile(r"[^@\s]+@[^@\s]+|[^@\s.]+(\.[^@\s.]+)+")
# The categories Cc, Cs, Zl and Zp of Unicode, bytes that are not UTF-8 (U+FFFD), and what XML cannot have.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffd-\uffff]")
LIMIT = 64  # X.509's ub-common-name, counted in characters


@value_object
class CommonName:
    """The identity in a certificate. ``None`` stands for an absent field."""

    name: str
    groups: tuple[str, ...] | None = None
    projects: tuple[str, ...] | None = None

    def allows_project(self, project: str) -> bool:
        """Return whether the certificate is valid for a project; without a project list it is for all."""
        return self.projects is None or comma_lists.contains_any(self.projects, [project])

    def certified_groups(self) -> tuple[str, ...]:
        """Return the groups of the certificate and the user's own name (ruling 1), without ``any``."""
        return comma_lists.unique(
            (self.name, *(group for group in self.groups or () if group != comma_lists.ANY))
        )

    @property
    def is_for_any_group(self) -> bool:
        """Whether the certificate grants all groups but the administrators', by the word ``any``."""
        return comma_lists.ANY in (self.groups or ())

    def __str__(self) -> str:
        """Return the text of the common name in the certificate."""
        fields = [self.name]
        if self.groups is not None:
            fields.append(comma_lists.join(self.groups))
        if self.projects is not None:
            fields.append(comma_lists.join(self.projects))
        return "; ".join(fields)


def parse(text: str) -> CommonName:
    """Parse ``name``, ``name; projects`` or ``name; groups; projects``.

    Raise ValueError when it is none of these: an empty field, the word ``any`` as a name, more than
    three fields, a comma in the name, a control character, or a space other than U+0020.
    """
    if has_control(text) or has_lookalike(text):
        raise ValueError("a common name must not contain control or invisible characters or special blanks")
    fields = [field.strip(" ") for field in text.split(";")]
    if len(fields) > 3 or not all(fields):
        raise ValueError(f"{text!r} is not 'name', 'name; projects' or 'name; groups; projects'")
    name = check_name(fields[0])
    later = [comma_lists.split(field) for field in fields[1:]]
    if not all(later):
        raise ValueError(f"{text!r} has an empty list")
    if len(fields) == 1:
        return CommonName(name)
    if len(fields) == 2:
        return CommonName(name, None, later[0])
    return CommonName(name, later[0], later[1])


def compose(name: str, groups: tuple[str, ...] | None, projects: tuple[str, ...] | None) -> CommonName:
    """Return the common name of a new certificate; raise ValueError when it is too long or ambiguous.

    Groups without projects are written with the project list ``any``, since two fields would be read as
    name and projects.
    """
    if groups is not None and projects is None:
        projects = (comma_lists.ANY,)
    made = CommonName(name.strip(" "), groups, projects)
    text = str(made)
    if len(text) > LIMIT:
        raise ValueError(
            f"the common name {text!r} has {len(text)} characters and X.509 allows {LIMIT}: "
            "use shorter names or fewer groups and projects"
        )
    if parse(text) != made:
        raise ValueError(f"the common name {text!r} would be read differently: leave out ';', ',' and blanks")
    return made


def check_name(name: str) -> str:
    """Return a user, group or resource name that fits into a comma list; raise ValueError otherwise."""
    if (
        not name
        or name == comma_lists.ANY
        or "," in name
        or ";" in name
        or name.startswith("!")
        or has_control(name)
        or has_lookalike(name)
    ):
        raise ValueError(
            f"{name!r} is not a name: it is empty, 'any', starts with '!', holds ',' or ';', or a character "
            "that cannot be seen"
        )
    return name


def is_resource_name(name: str) -> bool:
    """Return whether a text is a resource name: ``user@host``, or a fully qualified host name."""
    return _RESOURCE_NAME.fullmatch(name) is not None


def has_control(text: str) -> bool:
    """Return whether a text contains control characters, line ends, surrogates, or U+FFFD to U+FFFF."""
    return _CONTROL.search(text) is not None


def has_lookalike(text: str) -> bool:
    """Return whether a text contains spaces other than U+0020, or invisible characters.

    With them two different names look the same, or become the same when they are trimmed.
    """
    return any(char != " " and unicodedata.category(char) in {"Zs", "Cf"} for char in text)
