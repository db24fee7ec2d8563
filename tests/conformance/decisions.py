"""Where we answer differently from LGI though no exchange is recorded: decided, each with reason and test.

What LGI does is said by `docs/clients.md`, or was seen of a running server.
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FILE = "tests/server/test_decisions.py"


@dataclass(frozen=True)
class Decision:
    """What is sent, what LGI does with it and what we do, the ruling or reason, and the test of it."""

    what: str
    lgi: str
    here: str
    why: str
    test: str


ALL = (
    Decision(
        "A field that is not UTF-8",
        "the bytes as they are, also in its answers",
        "the field's own error: 51 for `read_access`, 52, 31, 32 and so on; 53 or 72 for XML",
        "wire.md 2: what is posted stands in answers, which are UTF-8. No XML parser could read a name that "
        "is not, and two of them could look the same.",
        "test_a_field_that_is_not_utf_8_is_refused",
    ),
    Decision(
        "`read_access` or `write_access` that is too long together with owners and administrators",
        "the list cut at 255 bytes",
        "error 51 or 52, and no job",
        "clients.md 12.1 S20: a list that is cut grants other rights than were asked for.",
        "test_access_that_is_too_long_with_the_owners_is_refused",
    ),
    Decision(
        "Input or output that is no hexadecimal text, or has an odd number of digits",
        "a job with whatever its decoder makes of it",
        "error 54 or 55, and no job",
        "clients.md 12.1 S26: nobody is helped by a job with an input that its user did not send.",
        "test_data_that_is_not_hexadecimal_is_refused",
    ),
    Decision(
        "`..` in the path of a posted file, as `../data.txt`",
        "the file under the last part of its path",
        "error 68, and no job. Of any other path the last part is the name, as LGI has it",
        "wire.md 8: a name that leads elsewhere is refused, never mended. LGI.py of LGI 1.31 sends paths as "
        "they are given, and has to be given another one; the other programs send no paths.",
        "test_a_path_that_leads_upwards_is_refused",
    ),
    Decision(
        "A POST of more than 16 MB",
        "a request without any field, since PHP drops what is larger",
        "the call, up to `max_post_size` (2 GB unless it is configured); above that error 65",
        "clients.md 9.4 and 11: 16 MB are a setting of PHP and no rule of the protocol.",
        "test_a_post_of_more_than_16_mb_is_taken",
    ),
    Decision(
        "A PUT in chunks, without Content-Length",
        "status 500",
        "the file, stored when all of it has come",
        "clients.md 12.2 R9: HTTP/1.1 allows it, and who sends a stream has no other way.",
        "test_a_put_in_chunks_is_stored",
    ),
    Decision(
        "A file called `.htaccess`",
        "a file that Apache does not serve, and does not obey as long as it is configured so",
        "a file like others: stored, listed, fetched and deleted; it configures nothing",
        "clients.md 9.4: where Apache serves the files (SETUP.md, Files on another host) its configuration "
        "has to say `AllowOverride None`, or a job's file decides who may read it.",
        "test_a_file_called_htaccess_is_a_file",
    ),
    Decision(
        "A POST to a stored file",
        "what the configuration of its Apache says; only GET, PUT and DELETE are allowed there",
        "status 405",
        "wire.md 8: a file is fetched, stored and deleted. Only the list of a repository is posted to.",
        "test_a_post_to_a_stored_file_is_not_allowed",
    ),
    Decision(
        "A regular expression in the name of a user, group or resource, as `.*`",
        "every name that it matches",
        "a name like others, which matches itself",
        "Ruling 3: names match exactly (clients.md 12.1 S6, 12.2 R4).",
        "test_a_regular_expression_is_a_name",
    ),
    Decision(
        "GET of a call",
        "a call without fields, whatever stands in the address",
        "the same; but error 67 where a browser says that it asks",
        "wire.md 1: any web page can have a browser make such a request with its user's certificate.",
        "test_a_get_of_a_call_has_no_fields",
    ),
    Decision(
        "GET, or another method than POST, of a call that would change something, as a sign-up",
        "the change, if the call needs no fields",
        "error 66, and no change",
        "wire.md 1: a GET is a call with no fields, and whoever follows a link means no change.",
        "test_only_a_post_of_a_call_changes_something",
    ),
)
