"""The text of an exchange: what a client writes and reads, also with hostile specifics and old answers."""

import pytest

from lgi_protocol import exchange_text, xml
from lgi_protocol.exchange import MOST_TEXT, Exchange, ExchangeAnswer, Hold, Reference, Report, Want
from lgi_protocol.job_end import End
from lgi_protocol.reply import Reply

REFERENCE = "0123456789ABCDEF" * 2
HOSTILE = "<reports> </reports> <x> &lt;a&gt; </x> </report>"


def test_an_exchange_is_written_with_what_it_has_and_no_more() -> None:
    """Empty lists and values are left out; 0 is a value; special characters are escaped."""
    exchange = Exchange(
        reports=(Report("7", REFERENCE, "finished", b"o", End(0, None, "a < b")),),
        holds=(Hold("8", REFERENCE, "17"),),
        wants=(Want("command", 8, "!mark", ("1", "2"), cores=0),),
        references=(Reference(REFERENCE, b"\1"), Reference("B" * 32)),
        watched=(),
    )

    text = exchange_text.write(exchange)

    job = f"<daemon_reference> {REFERENCE} </daemon_reference>"
    assert text == (
        f"<reports> <report> <job_id> 7 </job_id> {job} <state> finished </state> <output> 6F </output>"
        " <exit_code> 0 </exit_code> <end_reason> a &lt; b </end_reason> </report> </reports>"
        f" <holds> <hold> <job_id> 8 </job_id> {job} <state_time_stamp> 17 </state_time_stamp> </hold>"
        " </holds>"
        " <wants> <want> <application> command </application> <count> 8 </count> <owners> !mark </owners>"
        " <without> 1, 2 </without> <cores> 0 </cores> </want> </wants>"
        f" <references> <reference> {job} <request> 01 </request> </reference>"
        f" <reference> <daemon_reference> {'B' * 32} </daemon_reference> </reference> </references>"
        " <watched>  </watched>"
    )
    assert exchange_text.write(Exchange()) == ""


@pytest.mark.parametrize("specifics", [HOSTILE, "&lt;", "a & b", "plain"])
def test_specifics_are_read_as_they_were_written(specifics: str) -> None:
    """They are escaped once, whatever tags of an exchange they have."""
    report = Report("7", REFERENCE, "running", job_specifics=specifics)

    text = exchange_text.write(Exchange(reports=(report,)))

    assert xml.value(text, "reports", "report", "job_specifics") == specifics


def test_the_reason_of_a_hold_is_written_when_there_is_news() -> None:
    """None is no news; an empty one says that the job waits no more."""
    reasons = ("a < b", "", None)

    text = exchange_text.write(
        Exchange(holds=tuple(Hold(str(number), REFERENCE, "1", why) for number, why in enumerate(reasons)))
    )

    found = xml.find(text, "holds")
    assert found is not None
    holds = [xml.find(one.inside, "wait_reason") for one in xml.find_all(found.inside, "hold")]
    assert [one and one.text for one in holds] == ["a < b", "", None]


def test_the_size_of_a_report_is_what_it_takes() -> None:
    """A daemon adds them up and stays below what an exchange may have."""
    reports = tuple(Report(str(number), REFERENCE, "finished", b"x" * number) for number in range(1, 50))

    text = exchange_text.write(Exchange(reports=reports))

    assert len(text) <= sum(map(exchange_text.size, reports)) + len("<reports> </reports>")
    assert exchange_text.size(Report("1", REFERENCE, "finished", b"x" * MOST_TEXT)) > MOST_TEXT


def test_an_answer_without_any_of_its_elements_says_nothing() -> None:
    """Elements of newer servers are read over."""
    assert exchange_text.read(Reply("<newer> 1 </newer>")) == ExchangeAnswer()


def test_an_answer_with_errors_and_jobs_is_read() -> None:
    """The error of a report is a ServerError; a job without certificate and number of files has none."""
    content = (
        "<resource> r </resource> <reports> <report> <job_id> 7 </job_id>"
        " <daemon_reference> A </daemon_reference>"
        " <error_number> 14 </error_number> <error_message> taken </error_message> </report> </reports>"
        " <watched> 1, 2 </watched> <spent> B </spent> <number_of_jobs> 1 </number_of_jobs>"
        " <job number='1'> <job_id> 9 </job_id> <state> running </state> <input> 41 </input>"
        " <output>  </output>"
        " <job_specifics> <daemon_reference> C </daemon_reference> </job_specifics> </job>"
        " <more> 1 </more> <refused> <want> <application> a </application> <error_number> 71 </error_number>"
        " <error_message> long </error_message> </want> <reference> <daemon_reference> x </daemon_reference>"
        " <error_number> 14 </error_number> </reference> </refused> <other_daemons> 2 </other_daemons>"
    )

    answer = exchange_text.read(Reply(content))

    (verdict,), (given,) = answer.reports, answer.jobs
    assert verdict.error is not None
    assert (verdict.error.number, verdict.error.message) == (14, "taken")
    assert (answer.watched, answer.spent, answer.has_more) == (("1", "2"), ("B",), True)
    assert (given.description.daemon_reference, given.description.input) == ("C", b"A")
    assert [(one.name, one.error.number) for one in answer.refused] == [("a", 71), ("x", 14)]
    assert (given.certificate, given.repository_files, answer.other_daemons) == (b"", -1, 2)


def test_an_answer_that_is_not_hexadecimal_is_no_answer() -> None:
    """ValueError, as for the details of a job."""
    with pytest.raises(ValueError, match="hexadecimal"):
        exchange_text.read(Reply("<job> <job_id> 1 </job_id> <input> x </input> </job>"))
