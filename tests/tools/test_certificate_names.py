"""Names in certificates that a project server would refuse, or take for another one's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.certificates.ca import Authority
from lgi_tools.commands.certificates import main

Run = Callable[..., tuple[int, str, str]]
KINDS = {
    "token": ("token", "--user"),
    "user": ("user",),
    "sign": ("sign", "request.csr", "--kind", "user"),
}


@pytest.fixture
def ask(run: Run, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Runs LGI_certificates with an authority that has issued a certificate to anna of theor."""
    authority = Authority.create(tmp_path / "ca")
    authority.issue_user("anna", ("theor",))
    run(main, "--directory", ".", "csr", "request")

    def command(*words: str) -> tuple[int, str, str]:
        return run(main, "--directory", str(tmp_path / "ca"), *words)

    return command


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("settings", "group"), [(None, "admin"), ("[server]\nadmin_group = staff\n", "staff")]
)
def test_no_user_has_the_name_of_the_administrators(
    ask: Run, tmp_path: Path, kind: str, settings: str | None, group: str
) -> None:
    """Each of their calls would be refused. The server beside the authority says what the name is."""
    if settings:
        (tmp_path / "server").mkdir()
        (tmp_path / "server" / "LGI_server.cfg").write_text(settings)

    code, out, err = ask(*KINDS[kind], group)

    assert (code, out) == (1, "")
    assert f"{group!r} is the group of the administrators and cannot be the name of a user" in err
    assert not (tmp_path / "ca" / f"{group}.crt").exists()
    assert not (tmp_path / "ca" / "tokens").exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (("theor",), "'theor' is also a group, of anna: what that group may do"),
        (("bert", "--group", "anna"), "'anna' is also a user: what that user may do"),
        (("bert", "--project", "NOSUCH"), "'NOSUCH' is none of the projects of "),
    ],
)
def test_a_name_of_something_else_is_warned_of(
    ask: Run, tmp_path: Path, kind: str, words: tuple[str, ...], warning: str
) -> None:
    """It may be meant: nothing is refused."""
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "LGI_server.cfg").write_text("[project LGI]\n[project Other]\n")

    code, _, err = ask(*KINDS[kind], *words)

    assert code == 0
    assert err.startswith(f"LGI_certificates: warning: {warning}")
    assert err.count("\n") == 1


def test_a_resource_of_no_project_is_warned_of(ask: Run, tmp_path: Path) -> None:
    """With a token and without; a group of users means nothing for it."""
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "LGI_server.cfg").write_text("[project LGI]\n")

    answers = [ask(kind, "theor@desk", "--project", "NOSUCH") for kind in ("token", "resource")]

    assert [code for code, _, _ in answers] == [0, 0]
    assert all("'NOSUCH' is none of the projects of " in err for _, _, err in answers)


@pytest.mark.parametrize("kind", KINDS)
def test_an_ordinary_name_is_not_warned_of(ask: Run, tmp_path: Path, kind: str) -> None:
    """Members of one group, projects that are there, and authorities without a server."""
    quiet = ask(*KINDS[kind], "bert", "--group", "theor", "--project", "LGI")
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "LGI_server.cfg").write_text("[server]\n[project LGI]\n")

    beside = ask(*KINDS[kind], "carl", "--group", "theor", "--group", "carl", "--project", "LGI")

    assert (quiet[0], quiet[2], beside[0], beside[2]) == (0, "", 0, "")
