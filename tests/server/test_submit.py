"""interface_submit_job and resource_submit_job."""

from pathlib import Path

import pytest

from lgi_protocol.errors import ErrorNumber, ServerError
from tests.support.grid import CAPABILITIES, Grid

SUBMIT = {"application": "hello_world", "target_resources": "any"}


def stored_files(grid: Grid) -> list[Path]:
    """Every file below the repositories' root."""
    return [path for path in grid.config.repository.rglob("*") if path.is_file()]


def test_a_submitted_job_is_answered_with_all_its_fields(grid: Grid) -> None:
    """owners = user and allowed groups; access = admin, user, posted; the answer has LGI's order."""
    grid.resource()
    user = grid.user()

    reply = user.post(
        "interface_submit_job",
        **SUBMIT,
        input="00ff41",
        output="42",
        job_specifics='<walltime> 10 </walltime> <x a="1">y</x>',
        read_access="chem, any",
        write_access="chem",
    )

    assert [reply.value("job", name) for name in ("state", "owners", "read_access", "write_access")] == [
        "queued",
        "mark@laptop, theor",
        "admin, mark@laptop, chem, any",
        "admin, mark@laptop, chem",
    ]
    assert reply.value("job", "input") == "00FF41"
    specifics = reply.value("job", "job_specifics")
    assert specifics.startswith('<walltime> 10 </walltime> <x a="1">y</x> <repository> LGI@localhost:/')
    assert f"<repository_url> {grid.url}/repository/" in specifics


def test_uploaded_files_are_in_the_repository(grid: Grid, tmp_path: Path) -> None:
    """They are listed with their sizes, together with the access file; an empty one is stored too."""
    grid.resource()
    (tmp_path / "a.txt").write_text("contents a\n")
    (tmp_path / "sub dir & b.bin").write_bytes(bytes(range(256)))
    (tmp_path / "empty").touch()
    files = tuple(tmp_path / name for name in ("a.txt", "sub dir & b.bin", "empty"))

    reply = grid.user().post("interface_submit_job", files, **SUBMIT)

    content = reply.value("job", "repository_content")
    assert '<file number="1"> <file_name> .LGI_repository_write_access </file_name>' in content
    assert "<file_name> a.txt </file_name> <size> 11 </size>" in content
    assert "<file_name> sub dir &amp; b.bin </file_name> <size> 256 </size>" in content
    assert "<file_name> empty </file_name> <size> 0 </size>" in content
    assert "<number_of_files> 4 </number_of_files>" in content
    assert list((grid.config.repository / ".incoming").iterdir()) == []


def test_files_that_are_not_announced_are_ignored(grid: Grid, tmp_path: Path) -> None:
    """As LGI: number_of_uploaded_files, which follows the files, counts."""
    grid.resource()
    (tmp_path / "a.txt").write_text("a")
    session = grid.user().client.session

    answer = session.post(
        f"{grid.url}/interfaces/interface_submit_job.php",
        data=SUBMIT | {"user": "mark@laptop", "groups": "theor"},
        files={"uploaded_file_1": ("a.txt", b"a")},
        verify=session.verify,
    )

    assert "<number_of_files> 1 </number_of_files>" in answer.text


def test_unknown_targets_are_dropped_while_one_is_known(grid: Grid) -> None:
    """None left is error 28."""
    grid.resource("res1@cluster")
    user = grid.user()

    reply = user.post(
        "interface_submit_job", application="hello_world", target_resources="no@where, res1@cluster"
    )
    refused = user.refusal("interface_submit_job", application="hello_world", target_resources="no@where")

    assert reply.value("job", "target_resources") == "res1@cluster"
    assert refused == 28


BAD = {
    "no application": ({"application": ""}, 18),
    "application too big": ({"application": "a" * 255}, 46),
    "application with a wildcard": ({"application": "hello_%"}, 18),
    "application of other case": ({"application": "Hello_World"}, 70),
    "application with a quote": ({"application": "x' OR '1'='1"}, 18),
    "no targets": ({"target_resources": ""}, 27),
    "empty list of targets": ({"target_resources": " , "}, 27),
    "targets too big": ({"target_resources": "t" * 255}, 50),
    "application nobody offers": ({"application": "vasp"}, 70),
    "read access too big": ({"read_access": "r" * 255}, 51),
    "write access too big": ({"write_access": "w" * 255}, 52),
    "read access too big with the owners": ({"read_access": "r" * 250}, 51),
    "write access with a line end": ({"write_access": "a\nb"}, 52),
    "job_specifics too big": ({"job_specifics": "x" * 65355}, 53),
    "input too big": ({"input": "41" * 65356}, 54),
    "input not hexadecimal": ({"input": "xyz"}, 54),
    "input of odd length": ({"input": "414"}, 54),
    "output too big": ({"output": "41" * 65356}, 55),
    "cut tag": ({"job_specifics": "<a"}, 72),
    "wrong nesting": ({"job_specifics": "<a> <b> </a> </b>"}, 72),
    "prolog": ({"job_specifics": '<?xml version="1.0"?><a></a>'}, 72),
    "DTD": ({"job_specifics": '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'}, 72),
    "entity": ({"job_specifics": "<a>&x;</a>"}, 72),
    "external entity": ({"job_specifics": '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'}, 72),
    "reserved tag": ({"job_specifics": "<a> <job> </job> </a>"}, 72),
    "reserved tag in a comment": ({"job_specifics": "<!-- </job_specifics> --> <a> </a>"}, 72),
    "repository of its own": ({"job_specifics": "<repository> h:/etc </repository>"}, 72),
    "daemon reference": ({"job_specifics": "<daemon_reference> AB </daemon_reference>"}, 72),
    "self-closing tag": ({"job_specifics": "<a/>"}, 72),
    "NUL": ({"job_specifics": "<a> \x00 </a>"}, 72),
}


@pytest.mark.parametrize(("fields", "number"), BAD.values(), ids=BAD.keys())
def test_a_refused_submit_leaves_no_row_and_no_file(grid: Grid, fields: dict[str, str], number: int) -> None:
    """Ruling 7: everything posted is checked before anything is stored. Ruling 2: reserved tags are 72."""
    grid.resource()
    before = stored_files(grid)

    assert grid.user().refusal("interface_submit_job", **(SUBMIT | fields)) == number

    assert grid.rows("SELECT job_id FROM job_queue") == []
    assert grid.rows("SELECT job_id FROM job_access") == []
    assert stored_files(grid) == before


BAD_NAMES = [
    "../evil",
    "/etc/../passwd",
    "..",
    ".",
    "a/",
    "x\x1by",
    ".LGI_repository_write_access",
    "n" * 256,
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_file_with_an_unusable_name_refuses_the_submit(grid: Grid, name: str) -> None:
    """Error 68, no job, no file."""
    grid.resource()
    session = grid.user().client.session
    before = stored_files(grid)

    answer = session.post(
        f"{grid.url}/interfaces/interface_submit_job.php",
        data=SUBMIT | {"user": "mark@laptop", "groups": "theor", "number_of_uploaded_files": "1"},
        files={"uploaded_file_1": (name, b"evil")},
        verify=session.verify,
    )

    assert "<number> 68 </number>" in answer.text
    assert grid.rows("SELECT job_id FROM job_queue") == []
    assert stored_files(grid) == before


@pytest.mark.parametrize(
    ("announced", "sent"), [("2", ["a"]), ("3", ["a", "b"]), ("999999999", ["a"]), ("2", ["a", "a"])]
)
def test_announced_files_must_all_come_under_different_names(
    grid: Grid, announced: str, sent: list[str]
) -> None:
    """A missing or a doubled file is error 68; a huge number costs nothing."""
    grid.resource()
    session = grid.user().client.session
    files = {f"uploaded_file_{number}": (name, b"x") for number, name in enumerate(sent, 1)}

    answer = session.post(
        f"{grid.url}/interfaces/interface_submit_job.php",
        data=SUBMIT | {"user": "mark@laptop", "groups": "theor", "number_of_uploaded_files": announced},
        files=files,
        verify=session.verify,
    )

    assert "<number> 68 </number>" in answer.text
    assert grid.rows("SELECT job_id FROM job_queue") == []


def test_the_largest_input_comes_back_byte_for_byte(grid: Grid) -> None:
    """65355 bytes, which are announced as server_max_field_size, with NUL and 0xFF."""
    grid.resource()
    user = grid.user()
    data = (bytes(range(256)) * 256)[:65355]

    job_id = user.submit(input=data.hex())

    stored = user.post("interface_job_state", job_id=str(job_id)).value("job", "input")
    assert bytes.fromhex(stored) == data


@pytest.mark.parametrize(
    ("field", "number"),
    [("input", ErrorNumber.INPUT_TOO_BIG), ("output", ErrorNumber.OUTPUT_TOO_BIG)],
)
@pytest.mark.parametrize("digits", [130711, 130712, 200000])
def test_data_that_is_too_big_is_refused_with_its_size_in_bytes(
    grid: Grid, field: str, number: int, digits: int
) -> None:
    """The size is that of the data, not of its hexadecimal digits."""
    grid.resource()

    with pytest.raises(ServerError) as refused:
        grid.user().submit(**{field: "4" * digits})

    assert refused.value.number == number
    assert f"{(digits + 1) // 2} bytes, at most 65355 are allowed" in refused.value.message


@pytest.mark.parametrize(
    ("posted", "answered"),
    [
        ("theor, cyttron", "cyttron"),
        ("cyttron, theor, mark@laptop, cyttron", "cyttron, mark@laptop"),
        ("mark@laptop, cyttron", "mark@laptop, cyttron"),
    ],
)
def test_the_groups_that_may_submit_are_answered(grid: Grid, posted: str, answered: str) -> None:
    """As LGI: each once, in the posted order; a repeated submit gets the same."""
    grid.resource()
    user = grid.user()
    user.groups = posted
    grid.run("INSERT INTO groups_denied (group_name, application) VALUES ('theor', 'hello_world')")

    replies = [user.post("interface_submit_job", **SUBMIT, request_id="one") for _ in range(2)]
    asked = user.post("interface_job_state", job_id=replies[0].value("job", "job_id"))

    assert [reply.value("groups") for reply in replies] == [answered] * 2
    assert asked.value("groups") == ", ".join(dict.fromkeys(posted.split(", ")))


def test_groups_that_the_certificate_does_not_grant_are_dropped(grid: Grid) -> None:
    """Only certified groups remain; the user itself counts as one."""
    grid.resource()
    user = grid.user()
    user.groups = "theor, admin, mark@laptop, cyttron"

    reply = user.post("interface_submit_job", **SUBMIT)

    assert reply.value("groups") == "theor, mark@laptop, cyttron"
    assert reply.value("job", "owners") == "mark@laptop, theor, cyttron"


@pytest.mark.parametrize("posted", ["admin", "theor", "any"])
def test_a_certificate_without_groups_grants_none_but_the_users_name(grid: Grid, posted: str) -> None:
    """Ruling 1: error 38 when none is left."""
    grid.resource()
    user = grid.user("frank@desk", None)
    user.groups = posted

    assert user.refusal("interface_submit_job", **SUBMIT) == 38


def test_a_project_that_is_not_in_the_certificate_is_error_37(grid: Grid) -> None:
    """The certificate's list decides, whatever is posted."""
    issued = grid.people.user("carol@desk", None, ("otherproject",))
    fields = {"user": "carol@desk", "groups": "carol@desk", "project": "LGI"}

    with pytest.raises(ServerError) as refused:
        grid.client(issued).post("interfaces/interface_project_server_list", fields)

    assert refused.value.number == 37


def test_a_resource_submits_a_job_that_is_locked_for_it(grid: Grid) -> None:
    """owners = those allowed; access = admin and owners and posted; the session holds its lock."""
    resource = grid.resource()

    reply = resource.submit(
        {
            "state": "queued",
            "application": "hello_world",
            "owners": "foo, foo, bar",
            "target_resources": "res1@cluster",
            "job_specifics": "<a> 1 </a> <repository> x </repository>",
            "read_access": "chem",
        }
    )

    assert reply.value("job", "owners") == "foo, bar"
    assert reply.value("job", "read_access") == "admin, foo, bar, chem"
    assert reply.value("job", "job_specifics").startswith("<a> 1 </a> <repository> LGI@localhost:")
    resource.unlock(reply.value("job", "job_id"))


def test_an_application_is_offered_when_a_resource_says_so(grid: Grid) -> None:
    """The names in the capabilities count, wherever other text holds the word."""
    grid.resource("res1@cluster", f"{CAPABILITIES} <other> vasp &lt;vasp&gt; </other>")
    user = grid.user()

    assert user.refusal("interface_submit_job", application="vasp", target_resources="any") == 70
    assert user.submit(application="other") > 0
