"""Our reader understands every recorded answer of LGI 1.31.6."""

import json

import pytest
from lxml import etree

from lgi_protocol import comma_lists, xml
from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.job_description import JobDescription, read_job
from lgi_protocol.reply import Reply, read_answer
from lgi_protocol.resource_api import ResourceCalls
from tests.support import golden
from tests.support.golden import Exchange, Tree


def each(exchanges: list[Exchange]) -> pytest.MarkDecorator:
    """One test for each exchange, named as it is."""
    return pytest.mark.parametrize("exchange", exchanges, ids=lambda exchange: exchange.name)


class Recorded:
    """A client whose every call gets one recorded answer."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def post(self, call: str, *_: object) -> Reply:
        assert self.exchange.path == f"/LGI/{call}.php"
        return read_answer(self.exchange.response)


def expected_job(tree: Tree) -> JobDescription:
    """A job as lxml and the rules of lists and hexadecimal digits have it."""
    words = ("target_resources", "owners", "read_access", "write_access")
    specifics = tree.child("job_specifics")
    return JobDescription(
        **{name: tree.value(name) for name in ("job_id", "state", "application", "state_time_stamp")},
        **{name: tuple(one.strip() for one in tree.value(name).split(",") if one.strip()) for name in words},
        **{name: bytes.fromhex(tree.value(name)) for name in ("input", "output")},
        job_specifics=specifics.text,
    )


@each(golden.ERRORS)
def test_an_error_is_raised_with_its_number(exchange: Exchange) -> None:
    """An LGI error carries number and message; a back-off the time to wait."""
    with pytest.raises(ServerError) as raised:
        read_answer(exchange.response)

    assert (raised.value.number, raised.value.message) == (exchange.error, "...")
    assert raised.value.number in set(ErrorNumber)
    assert raised.value.back_off == (exchange.error == 1)
    assert raised.value.timeout == 10


@each(golden.ANSWERS)
def test_an_answer_is_read_as_an_xml_parser_reads_it(exchange: Exchange) -> None:
    """Every element of the response, in its order, with its value."""
    found = xml.find(exchange.response, "LGI", "response")

    assert found is not None
    assert golden.ours(found) == golden.response(exchange.response)
    assert read_answer(exchange.response).content == found.inside
    assert read_answer(exchange.response).max_field_size == 65355


@each([one for one in golden.ANSWERS if "<job>" in one.response or "<job " in one.response])
def test_the_jobs_of_an_answer_are_read_with_all_their_values(exchange: Exchange) -> None:
    """Lists are split, hexadecimal digits decoded, and job_specifics come as they were written."""
    trees = [one for one in golden.response(exchange.response).children if one.name == "job"]

    jobs = [read_job(text) for text in read_answer(exchange.response).all("job")]

    assert len(jobs) == len(trees) > 0
    for job, tree in zip(jobs, trees, strict=True):
        wanted = expected_job(tree)
        children = tree.child("job_specifics").children
        assert {**vars(job), "job_specifics": ""} == {**vars(wanted), "job_specifics": ""}
        specifics = [golden.ours(found) for found in xml.elements(job.job_specifics)]
        assert specifics == list(children)
        assert children or job.job_specifics == wanted.job_specifics


@each([one for one in golden.ANSWERS if one.call == "resource_signup_resource"])
def test_a_sign_up_tells_the_session_and_the_servers(exchange: Exchange) -> None:
    """The daemon reads session_id, project_master_server, the slave servers and the size of a field."""
    tree = golden.response(exchange.response)

    signed_up = ResourceCalls(Recorded(exchange), "LGI").sign_up()  # type: ignore[arg-type]

    assert signed_up.session_id == tree.value("session_id") != ""
    assert signed_up.master_server == tree.value("project_master_server") != ""
    slaves = [one.text for one in tree.children if one.name == "project_server"]
    assert list(signed_up.slave_servers) == slaves
    assert len(slaves) == int(tree.value("number_of_slave_servers"))
    assert signed_up.max_field_size == 65355


@each([one for one in golden.ANSWERS if one.call == "resource_request_work"])
def test_an_offer_tells_the_resource_and_its_jobs(exchange: Exchange) -> None:
    """number_of_jobs says how many jobs there are."""
    tree = golden.response(exchange.response)
    calls = ResourceCalls(Recorded(exchange), "LGI")  # type: ignore[arg-type]

    offer = calls.request_work("hello_world", 0, 32)

    assert offer.resource == "res1@cluster"
    assert len(offer.jobs) == calls.count_work("hello_world") == int(tree.value("number_of_jobs"))
    assert all(comma_lists.contains_any(job.target_resources, ["res1@cluster"]) for job in offer.jobs)


@each([one for one in golden.ODD if one.call == "interface_submit_job"])
def test_specifics_that_are_no_xml_come_as_written_and_hide_what_follows_in_them(exchange: Exchange) -> None:
    """``just text & <`` is not unescaped, and no element is found behind its lone ``<``."""
    job = read_job(read_answer(exchange.response).all("job")[0])

    assert (job.job_id, job.owners) == ("27", ("mark@laptop", "theor"))
    assert job.job_specifics.startswith("just text & < <repository> LGI@localhost:/srv")
    assert job.job_specifics.endswith("</repository_url>")
    assert xml.value(job.job_specifics, "repository_url") == ""


@each([one for one in golden.ODD if one.call == "resource_request_resource_data"])
def test_a_wrongly_closed_url_hides_itself_and_what_follows(exchange: Exchange) -> None:
    """resource_url is closed by ``</url>``: what stands before it is read."""
    reply = read_answer(exchange.response)

    assert reply.value("requested_resource_data", "resource_name") == "res2@cluster"
    pem = bytes.fromhex(reply.value("requested_resource_data", "client_certificate"))
    assert pem.startswith(b"-----BEGIN CERTIFICATE-----\n")
    assert reply.value("requested_resource_data", "resource_url") == ""
    assert reply.value("requested_resource_data", "last_call_time") == ""
    assert reply.value("project_master_server") == "https://localhost/LGI"


@each(golden.CUT)
def test_a_cut_answer_is_no_answer(exchange: Exchange) -> None:
    """The recording ends after 4000 characters; half an answer is never taken for a whole one."""
    with pytest.raises(ValueError, match="not an LGI document"):
        read_answer(exchange.response)

    found = xml.find(golden.completed(exchange), "LGI", "response")
    assert found is not None
    assert golden.ours(found) == golden.response(golden.completed(exchange))
    assert xml.value(found.inside, "job", "owners") == "mark@laptop, theor"


@each(golden.LISTINGS)
def test_a_repository_listing_is_read_without_an_envelope(exchange: Exchange) -> None:
    """The files of a repository, each with name, size and date."""
    found = xml.find(exchange.response, "repository_content")

    assert found is not None
    assert golden.ours(found) == golden.theirs(etree.fromstring(exchange.response.strip()))
    count = int(xml.value(found.inside, "number_of_files"))
    assert len(xml.find_all(found.inside, "file")) == count
    assert {one.attributes for one in xml.find_all(found.inside, "file")} <= {'number="1"'}


@each(golden.STATUSES)
def test_a_change_of_a_repository_is_answered_by_its_status(exchange: Exchange) -> None:
    """The number in the body is the HTTP status."""
    assert xml.value(exchange.response, "status", "number") == str(exchange.status)
    assert xml.value(exchange.response, "status", "message") == "..."


@each(golden.LISTINGS + golden.STATUSES + golden.FOREIGN)
def test_a_text_that_is_no_lgi_document_is_refused_as_an_answer(exchange: Exchange) -> None:
    """A file, a listing or a web server's page gives ValueError and nothing else."""
    with pytest.raises(ValueError, match=r"not an LGI document|DTD"):
        read_answer(exchange.response)


def test_every_recorded_exchange_is_used() -> None:
    """The tests of this file together read all 304."""
    tests = [test for name, test in globals().items() if name.startswith("test_")]
    marks = [mark for test in tests for mark in getattr(test, "pytestmark", [])]

    used = {exchange.name for mark in marks for exchange in mark.args[1]}

    rows = [json.loads(line)["name"] for line in golden.FILE.read_bytes().split(b"\n") if line]
    assert len(rows) == 304
    assert used == set(rows)
