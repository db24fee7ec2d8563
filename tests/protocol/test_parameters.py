"""The parameters that an application declares in its capabilities."""

import pytest

from lgi_protocol import parameters, xml
from lgi_protocol.parameters import Parameter


def declare(*parts: str) -> str:
    """The capabilities of an application with these parameters."""
    every = " ".join(f"<parameter> {part} </parameter>" for part in parts)
    return f"<vasp> <parameters> {every} </parameters> <version> 6 </version> </vasp> <other> </other>"


def test_a_parameter_is_read_with_all_it_says() -> None:
    """Also when the content of the application is escaped, as our daemon writes it."""
    text = declare(
        "<name> encut </name> <type> number </type> <label> Cut-off </label> <default> 450 </default>"
        " <help> In eV. </help> <min> 100 </min> <max> 2e3 </max>",
        "<name> method </name> <type> choice </type> <choices> pbe, hse, pbe </choices>",
    )
    inside = text.removeprefix("<vasp>").partition("</vasp>")[0]

    found = parameters.declared(text, "vasp")

    assert found == (
        Parameter("encut", "number", "Cut-off", "450", "In eV.", "100", "2e3"),
        Parameter("method", "choice", "method", choices=("pbe", "hse")),
    )
    assert parameters.declared(f"<vasp> {xml.escape(inside)} </vasp>", "vasp") == found
    assert parameters.declared(text, "other") == parameters.declared("<vasp", "vasp") == ()


@pytest.mark.parametrize(
    "part",
    [
        "<type> number </type>",
        "<name> cpus </name>",
        "<name> here </name>",
        "<name> job </name>",
        "<name> Big </name>",
        "<name> a b </name>",
        "<name> x </name> <type> file </type>",
        "<name> x </name> <type> choice </type>",
    ],
)
def test_a_parameter_that_cannot_be_is_left_out(part: str) -> None:
    """Without a name, with one that LGI uses itself, of an unknown type; the others stay."""
    found = parameters.declared(declare(part, "<name> good </name>"), "vasp")

    assert [one.name for one in found] == ["good"]


def test_no_more_parameters_and_text_are_read_than_a_form_can_have() -> None:
    """Whatever a resource says; a wrong default is no default."""
    many = [f"<name> p{number} </name> <help> {'x' * 900} </help>" for number in range(90)]
    wrong = "<name> p </name> <type> integer </type> <default> many </default>"

    found = parameters.declared(declare(wrong, *many), "vasp")

    assert len(found) == parameters.MOST
    assert found[0].default == ""
    assert max(len(one.help) for one in found) == parameters.MOST_TEXT


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", " <a> & 'b' ", "<a> & 'b'"),
        ("text", "", ""),
        ("integer", "-7", "-7"),
        ("number", "1.5e-3", "1.5e-3"),
        ("flag", "on", "1"),
        ("choice", "pbe", "pbe"),
    ],
)
def test_a_value_is_checked_by_its_type(kind: str, text: str, value: str) -> None:
    """And written so that specifics are well-formed."""
    one = Parameter("p", kind, "p", choices=("pbe",))

    assert one.check(text) == value
    xml.check_fragment(parameters.specifics("p", value))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1.5"),
        ("integer", "1_0"),
        ("integer", "9" * 5000),
        ("number", "nan"),
        ("number", "inf"),
        ("number", "1e999"),
        ("number", "-11"),
        ("number", "10.5"),
        ("choice", "hse"),
        ("text", "x" * 1001),
        ("text", "a\x1b[2J"),
        ("text", "\u202ea"),
    ],
)
def test_a_wrong_value_is_refused(kind: str, text: str) -> None:
    """With the reason; limits are those of numbers."""
    one = Parameter("p", kind, "p", least="-10", most="10", choices=("pbe",))

    with pytest.raises(ValueError, match=r"it has|is no|is not|is less|is more"):
        one.check(text)
