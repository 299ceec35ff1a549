import pytest
from pydantic import ValidationError

from portmon.line.settings import SerialSettings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9600,n,8,1", (9600, "none", 8, "1", "none")),
        ("19200,E,7,2,x", (19200, "even", 7, "2", "xonxoff")),
        ("115200,o,8,1,p", (115200, "odd", 8, "1", "rtscts")),
        ("110,n,5,1.5", (110, "none", 5, "1.5", "none")),
        ("9600, m, 8, 1", (9600, "mark", 8, "1", "none")),
    ],
)
def test_the_text_form_of_windows_is_understood(text: str, expected: tuple[object, ...]) -> None:
    for found in (SerialSettings.model_validate(text), SerialSettings.model_validate({"line": text})):
        assert (found.baud, found.parity, found.data_bits, found.stop_bits, found.flow) == expected


@pytest.mark.parametrize(
    "text", ["", "9600", "9600,n,8", "96k,n,8,1", "9600,n,9,1", "9600,n,8,1,q", "9600,n,8,1,x,p"]
)
def test_other_texts_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValidationError, match="as in 9600,n,8,1"):
        SerialSettings.model_validate(text)


@pytest.mark.parametrize(
    "values",
    [
        {"stopBits": "1.5"},
        {"dataBits": 5, "stopBits": "2"},
        {"dataBits": 6, "parity": "mark"},
        {"baud": 0},
        {"device": "ttyS0"},
        {"unknown": 1},
    ],
)
def test_what_no_line_can_do_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SerialSettings.model_validate(values)


def test_fields_may_be_written_as_in_forms_or_as_in_python() -> None:
    assert SerialSettings.model_validate({"dataBits": 7}) == SerialSettings.model_validate({"data_bits": 7})
