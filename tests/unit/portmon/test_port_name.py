import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidArgument
from portmon.port_name import canonical, same


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("COM1:", "COM1:"),
        ("com01:", "COM1:"),
        (" Lpt007: ", "LPT7:"),
        ("IP_10.0.0.7", "IP_10.0.0.7"),
        ("FILE:", "FILE:"),
        ("lpt:", "LPT1:"),
        ("LPT0:", "LPT1:"),
    ],
)
def test_a_name_has_one_form_and_else_keeps_its_spelling(given_name: str, kept: str) -> None:
    assert canonical(given_name) == kept


@pytest.mark.parametrize("name", ["", "   ", "a,b", "a\x00b", "a\nb", "x" * 64])
def test_names_that_windows_refuses_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        canonical(name)
    assert refused.value.win32 == 123


@given(st.text(max_size=80))
def test_a_canonical_name_stays_as_it_is_and_compares_without_case(name: str) -> None:
    try:
        kept = canonical(name)
    except InvalidArgument:
        return
    assert canonical(kept) == kept
    assert same(kept) == same(kept.swapcase()) or kept.casefold() != kept.swapcase().casefold()
    assert same(name) == same(kept)
