"""One-time tokens: for one resource, once, for an hour, and kept nowhere."""

import json
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.profiles import Validity
from lgi_tools.commands.certificates import main
from lgi_tools.joining import tokens
from lgi_tools.joining.tokens import Grant, InvalidTokenError, Redemption, Token

Run = Callable[..., tuple[int, str, str]]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GRANT = Grant("node@cluster", ("LGI", "Other"), NOW + timedelta(hours=1))


def redeem(directory: Path, secret: str, now: datetime = NOW, key: str = "key") -> Redemption:
    """Use a token up, without an error."""
    with tokens.redeem(directory, secret, now, key) as token:
        return token


def test_a_token_is_good_for_one_key(tmp_path: Path) -> None:
    """A check does not use it up; its use returns what it was issued for, to the same key again."""
    secret = tokens.make(tmp_path, GRANT)

    looked = tokens.find(tmp_path, secret, NOW)
    used = [redeem(tmp_path, secret) for _ in range(2)]

    assert looked == GRANT
    assert used == [Redemption(GRANT), Redemption(GRANT, "key", is_issued=True)]
    with pytest.raises(InvalidTokenError, match="was used"):
        redeem(tmp_path, secret, key="other")


def test_a_token_whose_use_failed_is_good_for_the_same_key(tmp_path: Path) -> None:
    """And for no other one; it does not count as issued."""
    secret = tokens.make(tmp_path, GRANT)

    with pytest.raises(OSError, match="crash"), tokens.redeem(tmp_path, secret, NOW, "key"):
        raise OSError("crash")

    with pytest.raises(InvalidTokenError, match="was used"):
        redeem(tmp_path, secret, key="other")
    assert redeem(tmp_path, secret) == Redemption(GRANT, "key", is_issued=False)


def test_an_older_listener_takes_a_used_token_for_none(tmp_path: Path) -> None:
    """It looks for the name at the top of the file."""
    redeem(tmp_path, tokens.make(tmp_path, GRANT))

    (stored,) = (tmp_path / tokens.DIRECTORY).iterdir()

    assert set(json.loads(stored.read_text())).isdisjoint({"name", "user"})


def test_a_token_ends(tmp_path: Path) -> None:
    """At that moment, not after it."""
    secret = tokens.make(tmp_path, GRANT)

    assert tokens.find(tmp_path, secret, GRANT.ends - timedelta(seconds=1))
    with pytest.raises(InvalidTokenError, match="has expired"):
        redeem(tmp_path, secret, GRANT.ends)
    with pytest.raises(InvalidTokenError, match="unknown token"):
        redeem(tmp_path, secret)


def test_a_used_token_ends(tmp_path: Path) -> None:
    """As one that nobody used: its key gets nothing more."""
    secret = tokens.make(tmp_path, GRANT)
    redeem(tmp_path, secret)

    tokens.remove_expired(tmp_path, NOW)
    again = redeem(tmp_path, secret, GRANT.ends - timedelta(seconds=1))
    tokens.remove_expired(tmp_path, GRANT.ends)

    assert again.is_issued
    assert list((tmp_path / tokens.DIRECTORY).iterdir()) == []


def test_a_token_is_stored_as_its_hash(tmp_path: Path) -> None:
    """The CA's files, or a backup of them, are not enough to join; and only the owner can read them."""
    secret = tokens.make(tmp_path, GRANT)

    files = list((tmp_path / "tokens").iterdir())

    assert len(secret) >= 43
    assert len(files) == 1
    assert secret not in files[0].name + files[0].read_text()
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert files[0].parent.stat().st_mode & 0o777 == 0o700


def test_exactly_one_of_many_at_once_spends_a_token(tmp_path: Path) -> None:
    """Again and again: whose it is is never asked apart from saying so."""
    start = threading.Barrier(8)

    def spend(secret: str) -> int:
        start.wait(60)
        try:
            redeem(tmp_path, secret, key=str(threading.get_ident()))
        except InvalidTokenError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            secret = tokens.make(tmp_path, GRANT)
            assert sum(pool.map(spend, [secret] * 8)) == 1


def test_a_token_is_bound_to_its_key_before_anything_is_made_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no crash afterwards makes it good for another one: the disk knows before the block begins."""
    secret = tokens.make(tmp_path, GRANT)
    (stored,) = (tmp_path / tokens.DIRECTORY).iterdir()
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _descriptor: synced.append('"key"' in stored.read_text()))

    with tokens.redeem(tmp_path, secret, NOW, "key"):
        # The new file before it gets its name, then the directory.
        assert synced == [False, True]


def test_tokens_nobody_used_are_removed(tmp_path: Path) -> None:
    """Valid ones are kept."""
    old, new = (tokens.make(tmp_path, Grant("a@b", ("LGI",), NOW + timedelta(hours=n))) for n in (0, 1))

    tokens.remove_expired(tmp_path, NOW)

    assert tokens.find(tmp_path, new, NOW)
    with pytest.raises(InvalidTokenError):
        tokens.find(tmp_path, old, NOW - timedelta(hours=1))


@given(st.text(max_size=200))
def test_an_invalid_token_is_refused_in_words(text: str) -> None:
    """A mistake in copying is found before anything is sent."""
    try:
        token = tokens.read(text)
    except InvalidTokenError as refused:
        assert "printed by LGI_certificates token" in str(refused)  # noqa: PT017
    else:
        assert str(token) == text.strip()


def test_a_token_is_read_as_it_is_written() -> None:
    """Blanks around it, as from copying, are ignored."""
    token = Token("se-cr_et", "0123456789abcdef" * 4)

    assert tokens.read(f" {token}\n") == token


def test_a_token_knows_the_authority_by_its_key(tmp_path: Path) -> None:
    """A renewed CA is the same, another one of the same name is not."""
    authority = Authority.create(tmp_path / "ca")
    before = tokens.fingerprint(authority.certificate)
    authority.renew_authority(Validity.of_days(5000))

    assert tokens.fingerprint(Authority.open(tmp_path / "ca").certificate) == before
    assert tokens.fingerprint(Authority.create(tmp_path / "other").certificate) != before


def test_the_administrator_is_given_the_command_for_the_resource(run: Run, tmp_path: Path) -> None:
    """One line to copy; an hour by default."""
    at = ("--directory", str(tmp_path / "ca"))
    authority = Authority.create(tmp_path / "ca")
    words = ("token", "node@cluster", "--project", "LGI", "--url", "https://grid:8444")

    code, out, _ = run(main, *at, *words)

    (line,) = [line for line in out.splitlines() if line.startswith("LGI_join")]
    _, url, word = line.split(" ")
    grant = tokens.find(authority.directory, tokens.read(word).secret, datetime.now(UTC))
    assert (code, url) == (0, "https://grid:8444")
    assert (grant.name, grant.projects) == ("node@cluster", ("LGI",))
    assert timedelta(minutes=59) < grant.ends - datetime.now(UTC) <= timedelta(hours=1)
    assert tokens.read(word).authority == tokens.fingerprint(authority.certificate)


def printed_url(run: Run, directory: Path) -> str:
    """Return the URL in the command that is printed for a user, without --url."""
    code, out, err = run(main, "--directory", str(directory), "token", "--user", "anna@desk")
    assert (code, err) == (0, "")
    (url,) = [word for line in out.splitlines() for word in line.split() if word.startswith("https://")]
    return url


def test_a_printed_command_names_a_host_that_has_a_certificate(run: Run, tmp_path: Path) -> None:
    """The first by name whose key is here too, unless this machine has one; no user, resource or domain."""
    authority = Authority.create(tmp_path)
    assert printed_url(run, tmp_path) == f"https://{socket.getfqdn()}:8444"

    for host in ("*.example.org", "slave.example.org", "lgi.example.org", "away.example.org"):
        authority.issue_server(host)
    (tmp_path / "away.example.org.key").unlink()
    assert printed_url(run, tmp_path) == "https://lgi.example.org:8444"

    authority.issue_server(socket.getfqdn())
    assert printed_url(run, tmp_path) == f"https://{socket.getfqdn()}:8444"


def test_an_address_in_a_printed_command_has_brackets(run: Run, tmp_path: Path) -> None:
    """As in every URL with an address of IPv6."""
    Authority.create(tmp_path).issue_server("fd00::1")

    assert printed_url(run, tmp_path) == "https://[fd00::1]:8444"


def test_a_token_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """A listener that starts while one is made neither stumbles over it nor takes it for an ended one."""
    made = [tokens.make(tmp_path, GRANT)]
    ended = threading.Event()

    def forget() -> None:
        while not ended.is_set():
            tokens.remove_expired(tmp_path, NOW)

    with ThreadPoolExecutor(1) as pool:
        forgetting = pool.submit(forget)
        made += [tokens.make(tmp_path, GRANT) for _ in range(100)]
        ended.set()
        forgetting.result(60)

    assert all(tokens.find(tmp_path, secret, NOW) == GRANT for secret in made)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("node",), "Missing option '--project'"),
        (("node", "--project", "LGI"), "'node' is not a resource name"),
        (("node@x", "--project", "any"), "a token needs the projects"),
        (("node@x", "--project", "L;G"), "would be read differently"),
        (("here@x", "--project", "LGI"), "here@x.crt already exists: use --force for a token"),
        (("here@x", "--project", "LGI", "--force", "--minutes", "0"), "0 is not in the range"),
        (("both@x", "--project", "LGI", "--force"), "both@x.key already exists: a resource that joins"),
        (("--user", "admin"), "'admin' is the group of the administrators and cannot be the name of a user"),
    ],
)
def test_a_token_of_no_use_is_not_made(
    run: Run, tmp_path: Path, words: tuple[str, ...], problem: str
) -> None:
    """An error that would occur later is reported now, when the administrator can correct it."""
    authority = Authority.create(tmp_path / "ca")
    authority.issue_resource("here@x").key.unlink()
    authority.issue_resource("both@x")

    code, out, err = run(main, "--directory", str(tmp_path / "ca"), "token", *words)

    assert (code, out) == (1, "")
    assert problem in err
    assert not (tmp_path / "ca" / "tokens").exists()
