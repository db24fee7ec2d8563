"""The tags of the configuration file, level by level: one that would be ignored is an error."""

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lgi_daemon.config.section import Section
from lgi_protocol import comma_lists
from lgi_protocol.job_directory import SCRIPTS

SITE_TAGS = "site_tags"
_LIMITS = frozenset({"owner_allow", "owner_deny", "job_limit", "cpu_limit", "memory_limit"})


@dataclass(frozen=True)
class Level:
    """The tags that an element may contain: those with a value, and those with tags of their own."""

    values: frozenset[str]
    levels: Mapping[str, "Level"] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """All tags of the level."""
        return self.values | self.levels.keys()


APPLICATION = Level(
    _LIMITS
    | {"application_name", "max_output_size", "job_sandbox_uid", "check_system_limits_script", *SCRIPTS}
    | {"job_max_processes", "job_max_open_files", "job_max_file_size", "job_max_cpu_seconds"}
    | {"job_max_memory", "job_max_disk", "shared_directories"}
    | {"capabilities", "capabilities_file", "capabilities_script"}
)
PROJECT = Level(
    _LIMITS | {"project_name", "project_master_server", "number_of_applications"},
    {"application": APPLICATION},
)
RESOURCE = Level(
    _LIMITS
    | {"resource_certificate_file", "resource_key_file", "run_directory", "job_sandbox_uids"}
    | {"number_of_projects", "load_limit", "gpus", "attach"},
    {"project": PROJECT},
)
ROOT = Level(frozenset({"ca_certificate_file", SITE_TAGS}), {"resource": RESOURCE})
_PLACES = (
    ("LGI", ROOT),
    ("LGI/resource", RESOURCE),
    ("LGI/resource/project", PROJECT),
    ("LGI/resource/project/application", APPLICATION),
)


def faults(root: Section) -> list[str]:
    """Return what is wrong with the tags of a configuration, one sentence each, with what to do.

    A tag is wrong when it is unknown, on another level than its own, more than once where one counts, or
    behind a tag that is not closed. The names in ``site_tags`` are never unknown.
    """
    return list(_faults(root, ROOT, comma_lists.split(root.optional(SITE_TAGS))))


def _faults(section: Section, level: Level, site: tuple[str, ...]) -> Iterator[str]:
    places: Counter[tuple[str, str]] = Counter()
    for tag, inside in section.children():
        if tag in level.names:
            places[tag, inside.path] += 1
            if tag in level.levels:
                yield from _faults(inside, level.levels[tag], site)
        elif (fault := _misplaced(tag)) or tag not in site:
            yield f"{section.path} has {fault or _unknown(tag, level)}"
    for (tag, path), number in places.items():
        if number > 1:
            yield f"{path} occurs {number} times: keep one <{tag}>"
    if section.unread:
        yield f"{section.path}: what follows is ignored{section.unread}"


def _misplaced(tag: str) -> str:
    """Return where a known tag belongs, empty for an unknown one."""
    places = [path for path, level in _PLACES if tag in level.names]
    if not places:
        return ""
    return f"the tag <{tag}>, which belongs into {' or '.join(places)}: move it there"


def _unknown(tag: str, level: Level) -> str:
    known = [*level.names, *(name for _path, other in _PLACES for name in other.names)]
    close = difflib.get_close_matches(tag.lower(), dict.fromkeys(known), n=1)
    guess = f": did you mean <{close[0]}>?" if close else ":"
    return (
        f"the unknown tag <{tag}>{guess} Remove it, or if it is the site's own, name it inside LGI: "
        f"<{SITE_TAGS}> {tag} </{SITE_TAGS}>"
    )
