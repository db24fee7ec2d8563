"""Suggestions for error messages: the name that was probably meant by an unknown one."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches


def unknown_setting(name: str, section: str, known: Mapping[str, Collection[str]]) -> str:
    """Return why a setting is refused in a section; ``known`` has the settings of all sections."""
    homes = {setting: other for other, settings in known.items() for setting in settings}
    why = f"there is no setting {name!r} here; "
    if name in homes:
        return f"{why}it belongs in [{homes[name]}]"
    if name in known:
        return f"{why}there is a section [{name}]"
    written = name.casefold()
    if close := get_close_matches(written, known[section], 1) or get_close_matches(written, homes, 1):
        home = "" if close[0] in known[section] else f", which belongs in [{homes[close[0]]}]"
        return f"{why}did you mean {close[0]!r}{home}?"
    return f"{why}known are {', '.join(sorted(known[section]))}"


def unknown_section(name: str, known: Collection[str]) -> str:
    """Return why a section is refused; ``known`` has the names of sections, with NAME as a placeholder."""
    close = get_close_matches(name.partition(" ")[0], [one.partition(" ")[0] for one in known], 1)
    meant = [one for one in known if close and one.partition(" ")[0] == close[0]]
    if meant:
        return f"there is no section [{name}]; did you mean {' or '.join(f'[{one}]' for one in meant)}?"
    return f"there is no section [{name}]; known are {', '.join(f'[{one}]' for one in known)}"


def unknown_project(name: str, known: Collection[str]) -> str:
    """Return the error text for a project without a section."""
    folded = {one.casefold(): one for one in known}
    close = get_close_matches(name.casefold(), folded, 1)
    return f"there is no [project {name}] section" + (f"; did you mean {folded[close[0]]}?" if close else "")


def of_value(text: str) -> str:
    """Return a hint on a wrong value, to append to the error message; usually empty."""
    if text[:1] in {"'", '"'}:
        return "; values have no quotes here"
    if " #" in text or " ;" in text:
        return "; a comment needs a line of its own"
    return ""
