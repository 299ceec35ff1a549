import pytest

from chassis.errors import InvalidArgument
from spooler.printer import PortAvailability, PortName, Printer, check_name, first_available

A, B, C = PortName("edge-7", "COM1:"), PortName("edge-7", "LPT1:"), PortName("edge-8", "COM1:")
READY, PRINTING, FAILED = PortAvailability.READY, PortAvailability.PRINTING, PortAvailability.FAILED


def test_the_first_ready_port_in_list_order_is_taken():
    states = {A: PRINTING, B: READY, C: READY}

    assert first_available([A, B, C], states.__getitem__) == B
    assert first_available([C, B, A], states.__getitem__) == C


def test_a_failed_or_excluded_port_is_passed_over():
    states = {A: FAILED, B: READY, C: READY}

    assert first_available([A, B, C], states.__getitem__, excluded={B}) == C


def test_without_a_ready_port_there_is_none():
    states = {A: FAILED, B: PRINTING, C: PortAvailability.UNKNOWN}

    assert first_available([A, B, C], states.__getitem__) is None


@pytest.mark.parametrize("name", ["labels", "Étiquettes 2", "x" * 127, "a.b-c_d"])
def test_a_good_name_is_a_name(name):
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", "x" * 128, "a,b", "a/b", "a\\b", "a\nb", "a\x00b", " a", "a ", "\ud800", "a\u202eb"]
)
def test_a_name_that_would_break_lists_paths_or_terminals_is_refused(name):
    with pytest.raises(InvalidArgument):
        check_name(name)


def test_a_port_s_text_is_read_as_it_is_written():
    assert PortName.parse("edge-7/IP_10.0.0.7/raw") == PortName("edge-7", "IP_10.0.0.7/raw")
    assert PortName.parse(str(A)) == A


@pytest.mark.parametrize("text", ["", "COM1:", "/COM1:", "edge-7/"])
def test_what_is_not_host_and_port_is_refused(text):
    with pytest.raises(InvalidArgument):
        PortName.parse(text)


def test_two_spellings_of_a_port_have_one_key():
    assert PortName("Edge-7", "com1:").key == A.key


def test_the_etag_of_a_printer_follows_its_revision():
    assert Printer("labels", revision=3).etag != Printer("labels", revision=4).etag
