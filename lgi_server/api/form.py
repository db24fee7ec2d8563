"""The posted fields of a request, each checked when it is read."""

from collections.abc import Callable, Collection, Mapping

from lgi_protocol import comma_lists, common_name, hexcode, whole_number, xml
from lgi_server.api.fields import Field


class Form:
    """Posted fields. Each is checked when it is read, so that errors come in the order of LGI."""

    def __init__(self, posted: Mapping[str, str]) -> None:
        """Create the form of untrusted text by field name."""
        self._posted = posted

    def only(self, names: Collection[str]) -> "Form":
        """Return a form that has no other fields than these."""
        return Form({name: value for name, value in self._posted.items() if name in names})

    def edited(self, names: Collection[str], edit: Callable[[str], str]) -> "Form":
        """Return a form in which those of these fields that were posted have what ``edit`` makes of them."""
        changed = {name: edit(self._posted[name]) for name in names if name in self._posted}
        return Form({name: changed.get(name, value) for name, value in self._posted.items()})

    def has(self, name: str) -> bool:
        """Return whether a field was posted, even if it is empty."""
        return name in self._posted

    def has_any(self, names: Collection[str]) -> bool:
        """Return whether one of these fields was posted, even if it is empty."""
        return not self._posted.keys().isdisjoint(names)

    def text(self, field: Field, digits: int = 1) -> str:
        """Return a value without leading and trailing blanks, empty when an optional field is not posted.

        ``digits`` characters encode one byte of it. Raises LGIError ``missing`` or ``too_big`` of the field.
        """
        value = self._posted.get(field.name, "").strip()
        if not value:
            if field.missing is not None:
                raise field.refusal(field.missing, "it is missing")
            return ""
        check_size(field, value, digits)
        return value

    def begin(self, field: Field, characters: int = 64) -> str:
        """Return the begin of an unchecked value, to name it in an answer; ``?`` for control characters."""
        value = self._posted.get(field.name, "").strip()[:characters]
        return "".join(one if one.isprintable() else "?" for one in value)

    def untrimmed(self, field: Field) -> str:
        """Return a value with its leading and trailing blanks, which names of files may have.

        Raises LGIError as `text` does.
        """
        value = self._posted.get(field.name, "")
        self.text(field)
        return value

    def line(self, field: Field) -> str:
        """Return a trimmed value without control characters; LGIError as `text`, or ``malformed``."""
        value = self.text(field)
        if common_name.has_control(value):
            raise field.refusal(field.malformed, "it has control characters or is not UTF-8")
        return value

    def filter(self, field: Field) -> tuple[str, bool]:
        """Return the value of a filter, empty for ``any``, and whether it is negated (``!x``)."""
        posted = self.line(field)
        value = posted.removeprefix("!").strip()
        return ("", False) if value in {"", comma_lists.ANY} else (value, posted.startswith("!"))

    def number(self, field: Field) -> int:
        """Return a decimal number; LGIError as `text`, or ``malformed``."""
        value = self.text(field)
        if not (value.isascii() and value.isdigit()):
            raise field.refusal(field.malformed, f"{_shown(value)} is not a number")
        return int(value)

    def number_or(self, field: Field, default: int) -> int:
        """Return a decimal number, or the default for any other text; LGIError as `text`.

        # As LGI: start, limit and a list's job_id that are not numbers count as not posted.
        """
        value = self.text(field)
        return int(value) if value.isascii() and value.isdigit() else default

    def number_to_look_up(self, field: Field) -> int:
        """Return a number, or 0, which no row has, for a value that `number` refuses."""
        value = self._posted.get(field.name, "").strip()
        return int(value) if len(value) < field.limit and value.isascii() and value.isdigit() else 0

    def names(self, field: Field) -> tuple[str, ...]:
        """Return the different names in a comma list; LGIError as `line`."""
        values = comma_lists.unique(comma_lists.split(self.line(field)))
        if field.missing is not None and not values:
            raise field.refusal(field.missing, "it has no name")
        return values

    def numbers(self, field: Field) -> frozenset[int]:
        """Return the numbers in a comma list; LGIError as `line`."""
        values = self.names(field)
        numbers = [whole_number.read(value) for value in values]
        if None in numbers:
            raise field.refusal(field.malformed, f"{_shown(', '.join(values))} is not a list of numbers")
        return frozenset(number for number in numbers if number is not None)

    def tags(self, field: Field, most: int) -> tuple[str, ...]:
        """Return the different applications in a comma list; LGIError as `line`, ``too_big`` for too many."""
        values = self.names(field)
        for value in values:
            _check_name(field, value)
        if len(values) > most:
            raise field.refusal(field.too_big, f"{len(values)} names, at most {most} are allowed")
        return values

    def tag(self, field: Field) -> str:
        """Return a name that can be the name of an XML element, as of an application (ruling 3).

        Raises LGIError as `line`.
        """
        value = self.line(field)
        if value:
            _check_name(field, value)
        return value

    def data(self, field: Field) -> bytes:
        """Return the bytes of a hexadecimal value; LGIError as `text`, or ``malformed``."""
        value = self.text(field, hexcode.DIGITS)
        try:
            return hexcode.decode(value)
        except ValueError as error:
            raise field.refusal(field.malformed, str(error)) from None

    def typed(self, field: Field) -> bytes:
        """Return text typed into a form, with all blanks, and with LF for the CRLF that browsers send.

        Raises LGIError ``too_big``.
        """
        value = self._posted.get(field.name, "").replace("\r\n", "\n")
        check_size(field, value)
        return value.encode("utf-8", "replace")

    def checked(self, field: Field, check: Callable[[str], str]) -> str:
        """Return what ``check`` makes of a value, empty for none; LGIError as `text`, or ``malformed``.

        ``check`` raises ValueError for a value that is not acceptable.
        """
        value = self.text(field)
        if not value:
            return ""
        try:
            if "\ufffd" in value:
                raise ValueError("it is not UTF-8")
            return check(value)
        except ValueError as error:
            raise field.refusal(field.malformed, str(error)) from None

    def markup(
        self, field: Field, clean: Callable[[str], str] = str, reserved: frozenset[str] = frozenset()
    ) -> str:
        """Return a fragment of XML that answers can contain as it is; LGIError as `text`, or ``malformed``.

        ``clean`` removes tags that a caller may post back; ``reserved`` are further tags that are refused.
        """
        value = clean(self.text(field))
        if not value:
            return ""
        if "\ufffd" in value:
            raise field.refusal(field.malformed, "it is not UTF-8")
        try:
            xml.check_fragment(value, xml.RESERVED_TAGS | reserved)
        except ValueError as error:
            raise field.refusal(field.malformed, str(error)) from None
        return value


def check_size(field: Field, value: str, digits: int = 1) -> None:
    """Raise LGIError ``too_big`` for too many bytes; ``digits`` characters encode one byte."""
    size = -(-len(value.encode("utf-8", "surrogatepass")) // digits)
    if size >= field.limit:
        raise field.refusal(field.too_big, f"{size} bytes, at most {field.limit - 1} are allowed")


def _check_name(field: Field, value: str) -> None:
    """Raise LGIError ``malformed`` unless a value can be the name of an application."""
    if not xml.is_name(value):
        raise field.refusal(field.malformed, f"{_shown(value)} cannot be the name of an application")


def _shown(value: str) -> str:
    """Return a value for an error message: short and on one line."""
    return repr(value[:40])
