"""The tags of LGI.cfg: none is ignored in silence."""

import re
from pathlib import Path

import pytest

from lgi_daemon.config import tags
from lgi_daemon.config.model import load
from lgi_daemon.config.tags import APPLICATION, PROJECT, RESOURCE, ROOT

from .test_configuration import complaint, edit

ROOM = Path(__file__).parents[2] / "lgi_daemon" / "config"
EXAMPLE = ROOM.parents[1] / "applications" / "hello_world" / "LGI.cfg.example"
GUIDE = ROOM.parents[1] / "docs" / "resource_owner_guide.md"
# How the readers of the configuration name a tag.
_READ = re.compile(
    r"""(?:value|optional|number|optional_number|file|script|folder|section|find)\(
    (?:section\.content,\s*)?"([a-z_]+)\"""",
    re.VERBOSE,
)


def test_a_misspelt_owner_deny_denies_and_is_not_ignored(file: Path) -> None:
    """The jobs of mark@laptop would run; now the daemon does not start, and says which tag was meant."""
    edit(file, "<job_limit> 20 <", "<owner_denied> mark@laptop </owner_denied> <job_limit> 20 <")

    assert complaint(file) == (
        "LGI/resource has the unknown tag <owner_denied>: did you mean <owner_deny>? Remove it, or if it is "
        "the site's own, name it inside LGI: <site_tags> owner_denied </site_tags>"
    )


@pytest.mark.parametrize(
    ("tag", "path", "before"),
    [
        ("job_limit", "LGI/resource/job_limit", "<number_of_projects>"),
        ("owner_deny", "LGI/resource/project 1/owner_deny", "<number_of_applications>"),
        ("owner_allow", "LGI/resource/project 1/application 1/owner_allow", "<max_output_size>"),
        ("job_run_script", "LGI/resource/project 1/application 1/job_run_script", "</application>"),
        ("ca_certificate_file", "LGI/ca_certificate_file", "<resource>"),
        ("resource", "LGI/resource", "</LGI>"),
    ],
)
def test_a_tag_that_occurs_twice_is_refused(file: Path, tag: str, path: str, before: str) -> None:
    """Only one of two limits would count."""
    edit(file, before, f"<{tag}> </{tag}> {before}")

    assert complaint(file) == f"{path} occurs 2 times: keep one <{tag}>"


def test_two_projects_of_one_number_are_refused(file: Path) -> None:
    """The second one would never be served."""
    text = file.read_text()
    begin, end = text.index("<project number"), text.index("</project>") + len("</project>")
    file.write_text(text[:end] + text[begin:end] + text[end:])

    assert complaint(file).split("; ") == [
        "LGI/resource has 2 times <project>, and number_of_projects is 1: correct number_of_projects, "
        "or remove a <project>",
        "LGI/resource/project 1 occurs 2 times: keep one <project>",
    ]


@pytest.mark.parametrize("number", ["2", "x"])
def test_an_application_that_is_not_counted_is_refused(file: Path, number: str) -> None:
    """It would be left out in silence."""
    text = file.read_text()
    begin, end = text.index("<application number"), text.index("</application>") + len("</application>")
    more = text[begin:end].replace("number='1'", f"number='{number}'").replace("> hello_world", "> second")
    file.write_text(text[:end] + more + text[end:])

    assert complaint(file) == (
        "LGI/resource/project 1 has 2 times <application>, and number_of_applications is 1: "
        "correct number_of_applications, or remove a <application>"
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "<number_of_applications>",
            "<max_output_size> 9 </max_output_size> <number_of_applications>",
            "LGI/resource/project 1 has the tag <max_output_size>, which belongs into "
            "LGI/resource/project/application: move it there",
        ),
        (
            "<resource>",
            "<job_limit> 5 </job_limit> <resource>",
            "LGI has the tag <job_limit>, which belongs into LGI/resource or LGI/resource/project or "
            "LGI/resource/project/application: move it there",
        ),
    ],
)
def test_a_tag_on_another_level_is_refused_with_its_place(file: Path, old: str, new: str, told: str) -> None:
    """It would be ignored at that level."""
    edit(file, old, new)

    assert complaint(file) == told


def test_a_misspelt_tag_that_is_needed_is_reported_with_what_is_missing(file: Path) -> None:
    """Both are in one line, the missing one first."""
    edit(file, "<run_directory> ./runhere </run_directory>", "<rundirectory> ./runhere </rundirectory>")

    missing, unknown = complaint(file).split("; ")

    assert missing.startswith("LGI/resource/run_directory is missing or empty: add <run_directory>")
    assert unknown.startswith(
        "LGI/resource has the unknown tag <rundirectory>: did you mean <run_directory>?"
    )


def test_all_faults_of_the_tags_are_reported_at_once(file: Path) -> None:
    """The administrator can correct all of them together."""
    edit(file, "<job_limit> 20 <", "<Owner_Deny> eve </Owner_Deny> <xyzzy> 1 </xyzzy> <job_limit> 20 <")
    edit(file, "<job_limit> 4 <", "<job_limit> 5 </job_limit> <job_limit> 4 <")

    first, second, third = sorted(complaint(file).split("; "))

    assert "<Owner_Deny>: did you mean <owner_deny>?" in first
    assert "the unknown tag <xyzzy>: Remove it" in second
    assert third == "LGI/resource/project 1/application 1/job_limit occurs 2 times: keep one <job_limit>"


def test_tags_of_the_site_are_accepted_once_they_are_named(file: Path) -> None:
    """They may be on any level, and more than once."""
    edit(file, "<resource>", "<site_tags> contact, rack </site_tags> <contact> mark </contact> <resource>")
    edit(file, "<job_limit> 4 <", "<rack> 1 </rack> <rack> 2 </rack> <job_limit> 4 <")

    assert load(file, as_root=False).rules.job_limit == 20


def test_a_tag_of_lgi_is_no_tag_of_the_site(file: Path) -> None:
    """A tag of LGI in site_tags is still checked for its level."""
    edit(
        file,
        "<resource>",
        "<site_tags> run_directory </site_tags> <run_directory> x </run_directory> <resource>",
    )

    assert complaint(file).startswith("LGI has the tag <run_directory>, which belongs into LGI/resource:")


def test_a_tag_behind_an_unclosed_one_is_not_ignored(file: Path) -> None:
    """Here the limit of file sizes would be ignored, although all required tags were read."""
    edit(
        file,
        "</application>",
        "<capabilities_file> <job_max_file_size> 5 </job_max_file_size> </application>",
    )

    assert complaint(file) == (
        "LGI/resource/project 1/application 1: what follows is ignored (reading stopped at "
        "'<capabilities_file>': is that tag closed?)"
    )


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("</LGI>", "</LGI> <owner_deny> eve </owner_deny>", "'<owner_deny>' is outside of <LGI>"),
        ("<LGI>", "<job_limit> 5 </job_limit> <LGI>", "'<job_limit>' is outside of <LGI>"),
        ("</LGI>", "</LGI> <LGI> </LGI>", "'<LGI>' is outside of <LGI>"),
    ],
)
def test_a_tag_outside_of_the_root_is_refused(file: Path, old: str, new: str, part: str) -> None:
    """The root may have been closed too early."""
    edit(file, old, new)

    assert part in complaint(file)


def test_a_prolog_is_accepted(file: Path) -> None:
    """Editors write one."""
    file.write_text("<?xml version='1.0'?>\n" + file.read_text())

    assert load(file, as_root=False).rules.job_limit == 20


@pytest.mark.parametrize(
    ("allow", "told"),
    [
        ("<any> 5 </any> <any> 9 </any>", "project 1/owner_allow/any occurs twice"),
        ("any 5", "project 1/owner_allow has 'any 5', which is no <OWNER> NUMBER </OWNER>"),
        ("<any> 5 </any> <mark> 2", "project 1/owner_allow has '<mark> 2'"),
    ],
)
def test_an_owner_allow_that_would_be_read_in_part_is_refused(file: Path, allow: str, told: str) -> None:
    """The last of two numbers would count, and of the rest nothing."""
    edit(file, "<any> 5 </any>", allow)

    assert told in complaint(file)


@pytest.mark.parametrize("document", [EXAMPLE, GUIDE], ids=lambda document: document.name)
def test_a_tag_is_shown_in_the_example_and_in_the_guide(document: Path) -> None:
    """An option that nobody can find is not used."""
    shown = set(re.findall(r"\w+", document.read_text("utf-8")))
    known = ROOT.names | RESOURCE.names | PROJECT.names | APPLICATION.names

    assert known - shown == set()


def test_every_tag_that_is_read_is_known() -> None:
    """A new tag must be added to its level, since it would be refused otherwise."""
    known = ROOT.names | RESOURCE.names | PROJECT.names | APPLICATION.names
    texts = [path.read_text() for path in ROOM.glob("*.py") if path.name != "tags.py"]
    read = {name for text in texts for name in _READ.findall(text)}

    assert len(read) > 20
    assert read - known == set()
    assert tags.SITE_TAGS in known


@pytest.mark.parametrize("example", sorted(ROOM.parents[1].glob("applications/*/LGI.cfg.example")), ids=str)
def test_a_shipped_example_has_known_tags_only(example: Path) -> None:
    """Those in comments too, which administrators may activate; owners are names of users and groups."""
    text = re.sub(r"<(owner_(?:allow|deny))>.*?</\1>", r"<\1></\1>", example.read_text())
    names = set(re.findall(r"</([a-z_]+)>", text))
    known = ROOT.names | RESOURCE.names | PROJECT.names | APPLICATION.names

    assert names - known - {"LGI", "any", "mark", "cpus", "memory", "walltime", "nodes", "image"} == set()
