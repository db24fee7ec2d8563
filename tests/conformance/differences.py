"""Where our answers differ from LGI's: all of it is here, and `docs/differences.md` shows it.

A line of an answer is written as `answers` writes it. What a difference lists is all that differs.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """What LGI said and we do not, what we say instead, and the ruling or reason."""

    names: tuple[str, ...]
    recorded: tuple[str, ...]
    ours: tuple[str, ...]
    why: str


def _of(call: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{call}-{name}" for name in names)


def _status(old: int, new: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines of a status document with another number; the HTTP status always says the same."""
    first, second = ((f"http = {number}", f"status/number = {number}") for number in (old, new))
    return first, second


ON_PURPOSE = (
    Difference(
        (
            "lifecycle-02_signup",
            *_of("resource_signup_resource", "ok", "ok_multipart", "ok_no_project", "ok_second_session"),
            *_of("resource_signup_resource", "ok_server_as_resource", "ok_with_slave"),
        ),
        (),
        ("longest_wait = 60", "exchange = 2", "exchange_unnamed = 1", "job_certificates = 1"),
        "wire.md 6, ours and read over by older daemons: how long a resource may wait for work in one call, "
        "that one call can do the work of a cycle, and that jobs can have certificates of their own.",
    ),
    Difference(
        _of("interface_submit_job", "ok_utf8_cn"),
        ("an answer",),
        ("error 38",),
        "Ruling 1: a certificate of one field grants no group, so `größe` is dropped and none is left. Names "
        "that are not ASCII are as good as others.",
    ),
    Difference(
        _of("interface_job_state", "ok_list_state_case"),
        ("number_of_jobs = 4", "job['1']", "job['2']", "job['3']", "job['4']"),
        ("number_of_jobs = 0",),
        "Ruling 3: names match exactly. No job is `QUEUED`.",
    ),
    Difference(
        _of("interface_submit_job", "ok_application_case"),
        ("an answer",),
        ("error 70",),
        "Ruling 3: names match exactly. Nobody offers `HELLO_world`.",
    ),
    Difference(
        _of("resource_request_work", "ok_application_case"),
        ("limit = 32", "number_of_jobs = 3", "job['1']", "job['2']", "job['3']"),
        ("limit = 10", "number_of_jobs = 0"),
        "Ruling 3: names match exactly. No job is of `Hello_World`. For the limit see below.",
    ),
    Difference(
        _of("interface_submit_job", "ok_job_specifics_no_tags"),
        ("an answer",),
        ("error 72",),
        "clients.md 12.1 S9: job_specifics are embedded as they are, and `just text & <` makes every "
        "answer that holds it unreadable for an XML parser. Text without markup is still accepted.",
    ),
    Difference(
        ("interface_submit_job-err68_upload_error", "resource_submit_job-err68_upload_error"),
        ("error 68",),
        ("an answer",),
        "MAX_FILE_SIZE is a field of PHP's own, which no LGI client posts (clients.md 1.2). How big a "
        "file may be is the server's to say, never the caller's (clients.md 12.5 W7).",
    ),
    Difference(
        (
            *_of("lifecycle", "05_update_running", "11_update_finished"),
            *_of(
                "resource_update_job",
                "ok_finished",
                "ok_job_specifics_replaces_repository",
                "ok_nothing",
                "ok_output",
                "ok_output_empty_keeps",
                "ok_targets_partly_unknown",
            ),
        ),
        ("resource_capabilities = &lt;hello_world&gt; &lt;/hello_world&gt;",),
        ("resource_capabilities = <hello_world> </hello_world>",),
        "clients.md 12.1 S13: LGI escapes the capabilities in this one answer. They are the XML they are "
        "everywhere (wire.md 2).",
    ),
    Difference(
        (
            *_of("interface_submit_job", "err54_input_too_big"),
            *_of("resource_update_job", "err54_input_too_big"),
        ),
        ("error 54",),
        ("an answer",),
        "wire.md 2: `server_max_field_size` is how much a server takes, so input of exactly that size, 65355 "
        "bytes, is taken.",
    ),
    Difference(
        _of("resource_submit_job", "err55_output_too_big"),
        ("error 55",),
        ("an answer",),
        "clients.md 4.5: old daemons cut an output at `server_max_field_size`. LGI refuses one of that size, "
        "and the daemon posts it again without end.",
    ),
    Difference(
        _of("resource_lock_job", "ok"),
        ("lock/resource_id = 1",),
        ("lock/resource_id = 2",),
        "clients.md 12.1 S12: LGI prints the number of the session in place of the resource's.",
    ),
    Difference(
        _of("resource_request_resource_data", "ok"),
        ("no XML: Opening and ending tag mismatch: resource_url line 1 and url",),
        (),
        "clients.md 12.1 S11: LGI closes `resource_url` with `</url>`.",
    ),
    Difference(
        _of("resource_submit_job", "ok_full"),
        ('job/repository_content/file["1"]/size = 20',),
        ('job/repository_content/file["1"]/size = 31',),
        "The access file holds the whole write_access of the job, whose 31 bytes stand in the same answer; "
        "LGI's file is shorter, and whoever is missing in it cannot write (wire.md 8).",
    ),
    Difference(
        _of("resource_submit_job", "ok_special_owner"),
        (
            'job/repository_content/file["1"]/size = 8',
            "job/read_access = admin, o\\'neil",
            "job/write_access = admin, o\\'neil",
        ),
        (
            'job/repository_content/file["1"]/size = 13',
            "job/read_access = admin, o'neil",
            "job/write_access = admin, o'neil",
        ),
        "clients.md 12.1 S28: LGI escapes the name for SQL once too often; `o'neil` cannot read "
        "his own job there.",
    ),
    Difference(
        _of("repository", "content_bad_name"),
        ("repository_content/repository_name/b = ../../etc",),
        ("repository_content/repository_name = ",),
        "clients.md 12.2 R8: what cannot be the name of a repository is not repeated.",
    ),
    Difference(
        _of("repository", "content_other_user"),
        (
            'repository_content/file["1"]/file_name = .LGI_repository_write_access',
            'repository_content/file["1"]/size = 24',
            'repository_content/file["1"]/date = #',
            "repository_content/number_of_files = 1",
        ),
        ("repository_content/number_of_files = 0",),
        "Ruling 11: with LGI everybody who has a certificate and the address reads the files "
        "(clients.md 12.2 R2). Here it takes the right to read the job, unless `open_repositories = true`.",
    ),
    Difference(
        _of("repository", "put_anygroup_cn"),
        *_status(500, 403),
        "wire.md 8: the HTTP status matches what happened. Clients look for 200 in the body "
        "(clients.md 1.4).",
    ),
    Difference(
        _of("repository", "delete_denied", "put_denied_user", "put_unlisted_resource"),
        *_status(500, 404),
        "wire.md 8: a repository that the caller may not read does not exist for it. Clients look for 200 in "
        "the body (clients.md 1.4).",
    ),
    Difference(
        _of("repository", "delete_missing", "put_after_access_file_deleted"),
        *_status(500, 404),
        "wire.md 8: the HTTP status matches what happened. A repository that names no writers is none.",
    ),
    Difference(
        _of("repository", "put_empty"),
        *_status(500, 200),
        "clients.md 12.2 R6: an empty file can be stored like any other.",
    ),
    Difference(
        _of("repository", "put_four_field_cn"),
        *_status(200, 403),
        "Ruling 3: a common name of more than three fields names nobody.",
    ),
    Difference(
        _of("repository", "put_shipped_resource_list_any"),
        *_status(200, 404),
        "clients.md 12.2 R1: LGI as shipped lets every certificate write to every repository.",
    ),
    Difference(
        _of("repository", "get_directory_noslash"),
        ("http = 301",),
        ("http = 404",),
        "A repository is no page: it is listed by repository_content alone (wire.md 8). No client follows a "
        "redirection (clients.md 1.1).",
    ),
    Difference(
        _of("repository", "put_outside_job"),
        ("http = 403",),
        ("http = 404",),
        "There is no such address outside the repositories (wire.md 8). Nothing is stored either way.",
    ),
    Difference(
        _of("resource_request_work", "ok_lock_row_conflict", "ok_owners_allow", "ok_target_case_mismatch"),
        ("limit = 32",),
        ("limit = 10",),
        "The LGI document and wire.md 3 have a default limit of 10, the recorded server one of 32. Daemons "
        "always post a limit.",
    ),
)

# Nothing on these pages explains them. Each is either to be repaired or to be decided.
OPEN: tuple[Difference, ...] = ()
ALL = ON_PURPOSE + OPEN
BY_NAME = {name: one for one in ALL for name in one.names}
