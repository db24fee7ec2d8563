"""The configuration file: what is read from it, and what is said when it is wrong."""

import os
from pathlib import Path

import pytest

from lgi_daemon.cli.check import plan
from lgi_daemon.config.model import Configuration, load
from lgi_daemon.config.section import ConfigurationError

# Python's int() refuses so many digits.
MANY = "1" * 5000


def edit(file: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def complaint(file: Path, as_root: bool = False) -> str:
    """What is said about a bad configuration."""
    with pytest.raises(ConfigurationError) as caught:
        load(file, as_root)
    return str(caught.value)


def test_the_shipped_example_is_good(file: Path) -> None:
    """All of the document's example arrives, paths relative to the file."""
    found = load(file, as_root=False)

    assert found.rules.owner_allow == {"any": 10}
    assert found.rules.job_limit == 20
    assert found.run_directory == file.parent / "runhere"
    assert found.credentials.key == file.parents[2] / "certificates" / "laptop.key"
    (project,) = found.projects
    assert (project.name, project.master_server) == ("LGI", "https://localhost/LGI")
    assert project.rules.owner_allow == {"any": 5}
    (application,) = project.applications
    assert (application.name, application.max_output_size) == ("hello_world", 4096)
    assert (application.rules.job_limit, application.rules.owner_allow) == (4, {"any": 1})
    assert application.scripts["job_run_script"] == file.parent / "job_run_script"
    assert project.capabilities == "<hello_world> nothing special </hello_world> "


def test_owner_names_need_not_be_xml_names(file: Path) -> None:
    """mark@laptop is a tag here, which a strict parser would refuse."""
    edit(file, "<any> 1 </any>", "<mark@laptop> 2 </mark@laptop> <any> 1 </any>")

    (project,) = load(file, as_root=False).projects

    assert project.applications[0].rules.owner_allow == {"mark@laptop": 2, "any": 1}


def test_paths_not_beside_the_file_are_looked_for_in_the_working_directory(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As LGI: a daemon that is started in the old way finds its files."""
    elsewhere = file.parents[2] / "LGI.cfg"
    elsewhere.write_text(file.read_text().replace("../../certificates", "certificates"))
    monkeypatch.chdir(file.parent)

    assert load(elsewhere, as_root=False).run_directory == file.parent / "runhere"


def test_a_capabilities_file_wins_over_the_text(file: Path) -> None:
    """Hole D21: Its content is what is reported, escaped."""
    (file.parent / "capabilities.xml").write_text("<cores> 8 </cores>\n")
    edit(file, "<capabilities>", "<capabilities_file> capabilities.xml </capabilities_file> <capabilities>")

    (project,) = load(file, as_root=False).projects

    assert project.capabilities == "<hello_world> &lt;cores&gt; 8 &lt;/cores&gt; </hello_world> "


def test_projects_are_found_by_their_number_in_any_order(file: Path) -> None:
    """number="2" may stand first, in either quotes."""
    text = file.read_text()
    begin, end = text.index("<project number"), text.index("</project>") + len("</project>")
    second = text[begin:end].replace(
        "number='1'>\n      <project_name> LGI", 'number="2">\n <project_name> Two'
    )
    text = text[:begin] + second + text[begin:]
    file.write_text(text.replace("<number_of_projects> 1", "<number_of_projects> 2"))

    assert [project.name for project in load(file, as_root=False).projects] == ["LGI", "Two"]


REQUIRED = [
    ("ca_certificate_file", "LGI/ca_certificate_file"),
    ("resource_certificate_file", "LGI/resource/resource_certificate_file"),
    ("resource_key_file", "LGI/resource/resource_key_file"),
    ("run_directory", "LGI/resource/run_directory"),
    ("number_of_projects", "LGI/resource/number_of_projects"),
    ("project_name", "LGI/resource/project 1/project_name"),
    ("project_master_server", "LGI/resource/project 1/project_master_server"),
    ("number_of_applications", "LGI/resource/project 1/number_of_applications"),
    ("application_name", "LGI/resource/project 1/application 1/application_name"),
    ("max_output_size", "LGI/resource/project 1/application 1/max_output_size"),
    *(
        (name, f"LGI/resource/project 1/application 1/{name}")
        for name in (
            "check_system_limits_script",
            "job_check_limits_script",
            "job_check_running_script",
            "job_check_finished_script",
            "job_prologue_script",
            "job_run_script",
            "job_epilogue_script",
            "job_abort_script",
        )
    ),
]


@pytest.mark.parametrize(("tag", "path"), REQUIRED, ids=[tag for tag, _path in REQUIRED])
def test_a_missing_tag_is_named_with_its_place(file: Path, tag: str, path: str) -> None:
    """The message says where it belongs and what to add."""
    edit(file, f"<{tag}>", f"<other> </other> <x{tag}>")
    edit(file, f"</{tag}>", f"</x{tag}>")

    message = complaint(file)

    assert message.startswith(f"{path} is missing or empty: add <{tag}> ... </{tag}> inside ")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("<project number='1'>", "<project>", ["LGI/resource/project 1 is missing", "number='1'"]),
        ("<project number='1'>", "<project number='x'>", ["LGI/resource/project 1 is missing"]),
        ("<application number='1'>", "<application number='2'>", ["project 1/application 1 is missing"]),
        ("<job_limit> 4 <", "<job_limit> four <", ["application 1/job_limit is 'four'", "whole number"]),
        ("<job_limit> 20 <", "<job_limit> 0 <", ["LGI/resource/job_limit is '0'", "from 1 to "]),
        (
            "<job_limit> 20 <",
            "<cpu_limit> 2.5 </cpu_limit> <job_limit> 20 <",
            ["cpu_limit is '2.5'", "number"],
        ),
        ("<job_limit> 20 <", f"<job_limit> {MANY} <", ["LGI/resource/job_limit is '111", "whole number"]),
        (
            "<job_limit> 4 <",
            f"<job_max_disk> {MANY} </job_max_disk> <job_limit> 4 <",
            ["job_max_disk is '111", "whole number"],
        ),
        ("<project number='1'>", f"<project number='{MANY}'>", ["LGI/resource/project 1 is missing"]),
        ("<any> 5 </any>", f"<any> {MANY} </any>", ["owner_allow/any is '111", "number of jobs"]),
        ("<any> 5 </any>", "<any> many </any>", ["project 1/owner_allow/any is 'many'", "number of jobs"]),
        (
            "https://localhost",
            "http://localhost",
            ["project_master_server is 'http://localhost/LGI'", "https"],
        ),
        ("> hello_world <", "> hello world <", ["application_name is 'hello world'", "letters"]),
        ("> LGI </project_name", "> ../up </project_name", ["project_name is '../up'", "no '/'"]),
        ("> ./runhere <", "> ./nowhere <", ["LGI/resource/run_directory", "nowhere", "mkdir -p"]),
        ("./job_run_script", "./no_script", ["application 1/job_run_script", "no_script", "does not exist"]),
        ("./job_run_script", ".", ["application 1/job_run_script", "not a plain file"]),
        ("<capabilities>", "<job_sandbox_uid> 0x7 </job_sandbox_uid> <capabilities>", ["'0x7'", "number"]),
        (
            "<capabilities>",
            "<job_sandbox_uid> 4294967295 </job_sandbox_uid> <capabilities>",
            ["from 0 to 4294967294"],
        ),
        ("<capabilities>", "<job_sandbox_uid> 7 </job_sandbox_uid> <capabilities>", ["is 7", "only root"]),
        *(
            (
                "<capabilities>",
                f"<shared_directories> /usr, {path} </shared_directories> <capabilities>",
                [f"shared_directories has '{path}'", "absolute paths that have no symbolic links"],
            )
            for path in ("/", "home", "/usr/../etc", "/proc/self", "/usr/")
        ),
        ("laptop.key", "LGI+CA.crt", ["LGI/resource: cannot use the certificate", "LGI+CA.crt"]),
    ],
)
def test_a_wrong_value_is_named_with_its_cure(file: Path, old: str, new: str, parts: list[str]) -> None:
    """One line has tag, value and what to do."""
    edit(file, old, new)

    message = complaint(file)

    for part in parts:
        assert part in message
    assert "\n" not in message
    assert len(message) < 300


def test_a_tag_inside_itself_is_reported_plainly(file: Path) -> None:
    """The document's example has one check_system_limits_script too many."""
    tag = "<check_system_limits_script>"
    edit(file, f"{tag} ./", f"{tag} {tag} ./")

    assert complaint(file) == (
        "LGI/resource/project 1/application 1/check_system_limits_script: the tag is nested in itself: "
        "remove the outer <check_system_limits_script>"
    )


def test_an_unclosed_tag_hides_what_follows_and_is_named(file: Path) -> None:
    """Hole D14: The first tag that could not be read stands in the message."""
    edit(file, "<number_of_projects> 1 </number_of_projects>", "<number_of_project> 1")

    assert "(reading stopped at '<number_of_project>': is that tag closed?)" in complaint(file)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
@pytest.mark.parametrize("name", ["job_run_script", "check_system_limits_script"])
def test_a_script_in_utf_16_is_refused(file: Path, name: str, encoding: str) -> None:
    """It would be run by sh, which skips what it does not understand and says yes."""
    text = "\ufeffexit 1\n" if encoding == "utf-16-be" else "exit 1\n"
    (file.parent / name).write_bytes(text.encode(encoding))

    message = complaint(file)

    assert message.endswith(f"{name}: the file {file.parent / name} is text in UTF-16: save it as UTF-8")


def test_an_empty_script_is_refused(file: Path) -> None:
    """Hole D16: LGI took a missing job_check_limits_script for a yes."""
    (file.parent / "job_check_limits_script").write_text("")

    message = complaint(file)

    assert message.startswith("LGI/resource/project 1/application 1/job_check_limits_script: the file ")
    assert "is empty" in message


def test_a_system_limits_script_must_be_executable(file: Path) -> None:
    """It is run in place; without the mode no work would ever be asked for."""
    (file.parent / "check_system_limits_script").chmod(0o644)

    assert "cannot be executed: chmod +x" in complaint(file)


@pytest.mark.parametrize("head", ["<!DOCTYPE LGI>", "<!ENTITY a 'b'>", "<![CDATA[ x ]]>", "<!-- open "])
def test_dtd_entities_and_open_comments_are_refused(file: Path, head: str) -> None:
    """They could include other files or hide tags."""
    file.write_text(head + file.read_text().replace("-->", ""))

    assert "<!" in complaint(file)


def test_tags_in_comments_count_for_nothing(file: Path) -> None:
    """A comment may hold opening and closing tags."""
    edit(file, "<job_limit> 4 <", "<!--</application> <job_limit> 9 </job_limit>--><job_limit> 4 <")

    (project,) = load(file, as_root=False).projects

    assert project.applications[0].rules.job_limit == 4


@pytest.mark.parametrize("content", [None, "", "   \n"])
def test_a_file_that_cannot_be_read_or_is_empty_is_named(place: Path, content: str | None) -> None:
    """As LGI's message: Could not read from configuration file."""
    file = place / "LGI.cfg"
    if content is not None:
        file.write_text(content)

    assert complaint(file).startswith(f"Could not read from configuration file {file}: ")


def test_a_name_that_stands_twice_is_refused(file: Path) -> None:
    """Two applications of one name would share their directories and limits."""
    text = file.read_text()
    begin, end = text.index("<application number"), text.index("</application>") + len("</application>")
    text = text[:end] + text[begin:end].replace("number='1'", "number='2'") + text[end:]
    file.write_text(text.replace("<number_of_applications> 1", "<number_of_applications> 2"))

    assert "'hello_world' occurs twice" in complaint(file)


def test_the_run_directory_of_root_must_be_open_to_others(file: Path) -> None:
    """Jobs run as other users there."""
    file.parent.chmod(0o700)

    message = complaint(file, as_root=True)

    assert "LGI/resource/run_directory" in message
    assert f"chmod o+x {file.parent}" in message


def test_cores_and_memory_can_be_limited_at_each_level(file: Path) -> None:
    """cpu_limit and memory_limit of resource, project and application are read, and --check shows them."""
    text = file.read_text().replace("<job_limit> 20", "<cpu_limit> 16 </cpu_limit> <job_limit> 20")
    file.write_text(text.replace("<job_limit> 4 ", "<memory_limit> 8000 </memory_limit> <job_limit> 4 "))

    found = load(file, as_root=False)

    (application,) = found.projects[0].applications
    assert (found.rules.cpu_limit, found.projects[0].rules.cpu_limit) == (16, 0)
    assert application.rules.memory_limit == 8000
    shown = plan(found, 120, 600)
    assert "the resource takes 20 jobs at most, 16 cores together; allowed" in shown
    assert "application hello_world takes 4 jobs at most, 8000 MB together; allowed" in shown


def test_the_plan_shows_what_would_be_done_but_no_key(file: Path, certificate_files: Path) -> None:
    """--check names projects, limits and scripts; of the key only its path."""
    found: Configuration = load(file, os.geteuid() == 0)

    text = plan(found, 120, 600)

    assert "project LGI at https://localhost/LGI takes 10 jobs at most; allowed: 5 of any" in text
    assert str(file.parent / "job_abort_script") in text
    assert "PRIVATE" not in text


@pytest.mark.parametrize("user", [0, 1000])
def test_the_plan_says_what_jobs_can_read(file: Path, monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    """Under an ordinary user this includes the key of the resource, which is a warning."""
    found = load(file, as_root=False)
    monkeypatch.setattr(os, "geteuid", lambda: user)

    text = plan(found, 120, 600)

    told = f"lets each of them read all that this account can read, {found.credentials.key} too"
    assert (told in text) == (user != 0)
