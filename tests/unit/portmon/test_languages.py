"""What each language monitor sends, and what it makes of the answers, word by word."""

from __future__ import annotations

import pytest

from portmon.document import DocInfo, DocKey
from portmon.insertions import Insertions
from portmon.language import Before, Language, Word, Wrapped
from portmon.languages._pjl_codes import condition_of, report_of, severity_of
from portmon.languages.escpos import Escpos
from portmon.languages.pjl import Pjl
from portmon.languages.zpl import Zpl
from portmon.reports import Condition

UID = bytes(range(16))


def document(attempt: int = 1, before: Before = Before.CLEAN, name: str = "") -> Wrapped:
    return Wrapped(DocKey(UID, attempt), DocInfo(job_number=4711, document_name=name), before)


def hs(formats: int = 0, labels: int = 0, *, partial: int = 0, out: int = 0) -> bytes:
    return (
        f"\x02030,{out},0,1218,{formats:03d},0,0,{partial},000,0,0,0\x03\r\n"
        f"\x02000,0,0,0,1,2,6,0,{labels:08d},1,000\x03\r\n\x021234,0\x03\r\n"
    ).encode()


def odometer(count: int, *, named: bool = True) -> bytes:
    return f'{{"odometer.total_label_count":"{count}"}}'.encode() if named else f'"{count}"'.encode()


def word_of(language: Language) -> Word:
    return language.word


# Counting


def test_own_bytes_are_taken_out_of_what_the_device_acknowledged() -> None:
    put = Insertions()
    put.own(10)
    put.own(5)
    put.payload(100)
    put.own(7)
    assert [put.payload_at(n) for n in (0, 9, 15, 16, 115, 118, 122, 999)] == [0, 0, 0, 1, 100, 100, 100, 100]


# ZPL


@pytest.mark.parametrize("pipe", [False, True])
def test_a_label_is_out_when_the_counter_and_the_buffer_say_so(pipe: bool) -> None:
    zpl = Zpl(pipe=pipe)
    assert zpl.begin(document(), b"").endswith(b'! U1 getvar "odometer.total_label_count"\r\n')
    zpl.hear(odometer(70, named=False))
    zpl.payload(memoryview(b"^XA^FDa^FS^PQ2^XZ^XA^FDb^FS^XZ"))
    zpl.finish()
    zpl.hear(hs(formats=2, labels=1) + odometer(71))
    assert (zpl.word, zpl.busy, zpl.confirmed()) == (Word.NONE, True, 0)
    zpl.ask()
    zpl.hear(hs(formats=1) + odometer(72))
    assert (zpl.word, zpl.confirmed()) == (Word.NONE, 0 if pipe else 17), "so many, but which?"
    zpl.ask()
    zpl.hear(hs() + odometer(73))
    assert (zpl.word, zpl.confirmed()) == (Word.CONFIRMED, 0 if pipe else 30)


@pytest.mark.parametrize("pipe", [False, True])
def test_zpl_labels_that_somebody_else_printed_prove_nothing_of_ours(pipe: bool) -> None:
    zpl = Zpl(pipe=pipe)
    zpl.begin(document(), b"")
    zpl.hear(odometer(70, named=False))
    zpl.payload(memoryview(b"^XA^FDa^FS^XZ^XA^FDb^FS^XZ"))
    zpl.finish()
    zpl.hear(hs(labels=1) + odometer(73))
    assert (zpl.word, zpl.confirmed()) == (Word.NONE, 0)
    zpl.ask()
    zpl.hear(hs() + odometer(74))
    assert zpl.word is (Word.ANSWERED if pipe else Word.CONFIRMED), (
        "a restart may have lost what they replace"
    )


@pytest.mark.parametrize("shows", [False, True])
def test_a_count_that_may_hold_a_spoilt_label_twice_proves_all_only_where_a_restart_shows(
    shows: bool,
) -> None:
    zpl = Zpl(pipe=True)
    zpl.restart_shows = shows
    zpl.begin(document(), b"")
    zpl.hear(odometer(70, named=False))
    zpl.payload(memoryview(b"^XA^FDa^FS^XZ^XA^FDb^FS^XZ"))
    zpl.hear(hs(out=1))
    zpl.finish()
    zpl.hear(hs(out=1) + odometer(71))
    zpl.ask()
    zpl.hear(hs() + odometer(72))
    assert zpl.word is (Word.CONFIRMED if shows else Word.ANSWERED)


def test_a_late_answer_about_the_counter_before_is_not_taken_for_one_behind() -> None:
    zpl = Zpl(pipe=False)
    zpl.begin(document(), b"")
    zpl.payload(memoryview(b"^XA^FDa^FS^XZ"))
    zpl.hear(odometer(70))  # named: the answer to a question behind some earlier document
    zpl.finish()
    zpl.hear(odometer(70, named=False))
    zpl.hear(hs())
    assert word_of(zpl) is Word.NONE


def test_a_printer_without_a_counter_is_believed_on_a_connection_and_not_on_a_line() -> None:
    for pipe, word in ((False, Word.CONFIRMED), (True, Word.ANSWERED)):
        zpl = Zpl(pipe=pipe)
        zpl.begin(document(), b"")
        zpl.payload(memoryview(b"^XA^FDa^FS^XZ"))
        zpl.finish()
        zpl.hear(hs())
        assert word_of(zpl) is Word.NONE, "once is not enough"
        zpl.hear(hs())
        assert word_of(zpl) is Word.NONE, "what was not asked for again counts for nothing"
        for _ in range(4):
            zpl.ask()
        zpl.hear(hs())
        assert word_of(zpl) is word


@pytest.mark.parametrize("pipe", [False, True])
@pytest.mark.parametrize(
    ("waiting", "alone"), [(hs(), True), (hs(formats=2), False), (hs(labels=1), False), (b"", False)]
)
def test_labels_that_waited_before_a_document_are_not_counted_as_its_own(
    pipe: bool, waiting: bytes, alone: bool
) -> None:
    zpl = Zpl(pipe=pipe)
    zpl.begin(document(before=Before.SENT), b"")
    zpl.hear(waiting + odometer(70, named=False))
    zpl.payload(memoryview(b"^XA^FDa^FS^XZ^XA^FDb^FS^XZ"))
    zpl.finish()
    zpl.hear(hs(formats=1) + odometer(71))
    assert zpl.confirmed() == (13 if alone and not pipe else 0)
    zpl.ask()
    zpl.hear(hs(formats=1) + odometer(72))
    assert word_of(zpl) is (Word.CONFIRMED if alone else Word.NONE)
    zpl.ask()
    zpl.hear(hs() + odometer(73))
    assert word_of(zpl) is (Word.CONFIRMED if alone or not pipe else Word.ANSWERED), "its buffer is empty now"


def test_a_document_that_ends_inside_a_format_is_not_confirmed_and_the_next_one_drops_it() -> None:
    zpl = Zpl(pipe=False)
    zpl.begin(document(), b"")
    zpl.hear(odometer(5, named=False))
    zpl.payload(memoryview(b"^XA^FDa^FS^XZ^XA^FDb"))
    zpl.finish()
    zpl.hear(hs(partial=1) + odometer(6))
    assert word_of(zpl) is Word.UNPROVEN
    assert zpl.begin(document(2), b"").startswith(b"~JX")


def test_what_is_sent_before_a_document_goes_by_what_the_printer_was_left_with() -> None:
    starts = {
        Before.CLEAN: b"! U1",
        Before.SENT: b"~HS! U1",
        Before.BROKEN: b"~JX",
        Before.UNKNOWN: b"~JX",
        Before.CANCELED: b"~JA",
    }
    for before, start in starts.items():
        zpl = Zpl(pipe=True)
        zpl.hear(b"\x02ZD621,V1,8,8176KB\x03")  # it is known already
        assert zpl.begin(document(before=before), b"").startswith(start)


def test_stored_formats_and_binary_data_make_a_count_unsure() -> None:
    for text in (b"^XA^XFR:A.ZPL^FS^XZ", b"^XA^GFB,3,3,1,^XZ^XZ", b"^CC+", b"~DYR:A,B,G,3,1,abc"):
        zpl = Zpl(pipe=False)
        zpl.begin(document(), b"")
        zpl.hear(odometer(1, named=False))
        zpl.payload(memoryview(text))
        zpl.finish()
        zpl.hear(hs() + odometer(99))
        assert word_of(zpl) is Word.NONE, text


# ESC/POS


def test_only_the_process_id_behind_this_document_confirms_it() -> None:
    escpos = Escpos(pipe=False)
    escpos.begin(document(), b"")
    first = escpos.finish()
    assert first[:7] == b"\x1d(H\x06\x00\x30\x30"
    escpos.begin(document(2), b"")
    escpos.hear(b"\x37\x22" + first[7:] + b"\x00")
    assert word_of(escpos) is Word.NONE, "it was not even asked yet"
    second = escpos.finish()
    assert second != first
    escpos.hear(b"\x37\x22" + first[7:] + b"\x00")
    assert word_of(escpos) is Word.NONE
    answer = b"\x37\x22" + second[7:] + b"\x00"
    for byte in answer:
        escpos.hear(bytes([byte]))
    assert word_of(escpos) is Word.CONFIRMED


@pytest.mark.parametrize(("shows", "word"), [(True, Word.CONFIRMED), (False, Word.ANSWERED)])
def test_a_process_id_proves_all_of_a_document_only_where_a_restart_shows(shows: bool, word: Word) -> None:
    escpos = Escpos(pipe=True)
    escpos.restart_shows = shows
    escpos.begin(document(), b"")
    escpos.hear(b"\x37\x22" + escpos.finish()[7:] + b"\x00")
    assert word_of(escpos) is word


@pytest.mark.parametrize(
    ("status", "condition"),
    [
        (b"\x30\x00\x00\x0f", Condition.DOOR_OPEN),
        (b"\x18\x00\x0c\x0f", Condition.PAPER_OUT),
        (b"\x18\x08\x00\x0f", Condition.USER_INTERVENTION),
        (b"\x18\x00\x00\x0f", Condition.OFFLINE),
        (b"\x18\x40\x00\x0f", Condition.WARMING_UP),
        (b"\x14\x00\x03\x0f", Condition.PAPER_PROBLEM),
    ],
)
def test_automatic_status_has_words(status: bytes, condition: Condition) -> None:
    escpos = Escpos(pipe=True)
    escpos.hear(status)
    assert [one.condition for one in escpos.reports()] == [condition]
    escpos.hear(b"\x14\x00\x00\x0f")
    assert escpos.reports() == []


def test_a_cancelled_document_is_thrown_away_and_a_half_one_on_a_line_is_not() -> None:
    clear = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
    for pipe, before, sent in (
        (True, Before.CANCELED, clear),
        (False, Before.BROKEN, clear),
        (True, Before.BROKEN, b""),
        (True, Before.CLEAN, b""),
    ):
        assert Escpos(pipe=pipe).clear(document(before=before)) == sent


def test_who_the_printer_is_is_asked_only_once_it_has_proved_that_it_knows_such_commands() -> None:
    escpos = Escpos(pipe=True)
    assert b"\x1dI" not in escpos.begin(document(), b"")
    number = escpos.finish()[7:]
    escpos.hear(b"\x37\x22" + number + b"\x00")
    assert b"\x1dIC" in escpos.begin(document(2), b"")
    escpos.hear(b"\x5fEPSON\x00\x5fTM-T88VI\x00")
    assert {path.rpartition(":")[2]: fact.value for path, fact in escpos.facts().items()} == {
        "Manufacturer": "EPSON",
        "ModelName": "TM-T88VI",
    }
    assert b"\x1dI" not in escpos.begin(document(3), b"")


# PJL


def end(name: str) -> bytes:
    return f'@PJL USTATUS JOB\r\nEND\r\nNAME="{name}"\r\nPAGES=2\r\n\f'.encode()


def test_the_end_of_this_attempt_confirms_and_that_of_another_does_not() -> None:
    pjl = Pjl(pipe=False)
    lead = pjl.begin(document(2, name='Invoice "7"'), b"%!PS")
    tag = document(2).tag
    assert f'@PJL JOB NAME="{tag}" DISPLAY="Invoice 7"\r\n'.encode() in lead
    assert lead.startswith(b"\x1b%-12345X@PJL\r\n")
    assert lead.endswith(b"\x1b%-12345X")
    pjl.finish()
    pjl.hear(end(document(1).tag))
    assert word_of(pjl) is Word.NONE
    pjl.hear(end(tag))
    assert word_of(pjl) is Word.CONFIRMED


def test_an_end_that_the_printer_says_before_it_was_told_of_one_proves_nothing() -> None:
    pjl = Pjl(pipe=False)
    pjl.begin(document(), b"%!PS")
    pjl.hear(end(document().tag))
    pjl.finish()
    assert word_of(pjl) is Word.NONE
    pjl.hear(end(document().tag))
    assert word_of(pjl) is Word.CONFIRMED


def test_ends_of_a_documents_own_jobs_count_as_far_as_it_has_ended_them() -> None:
    pjl = Pjl(pipe=False)
    pjl.begin(document(), b"@PJL JOB\r\n")
    pjl.hear(f"@PJL ECHO {document().tag} BEGIN\r\n\f".encode())
    pjl.hear(end("its own") * 2)
    for _ in range(2):
        pjl.payload(memoryview(b"@PJL JOB\r\nx\r\n@PJL EOJ\r\n"))
    pjl.finish()
    pjl.hear(f"@PJL ECHO {document().tag} END\r\n\f".encode())
    assert word_of(pjl) is Word.NONE
    pjl.hear(end("its own") * 2)
    assert word_of(pjl) is Word.CONFIRMED


def test_a_resumed_attempt_is_ended_by_the_job_that_an_earlier_one_began() -> None:
    pjl = Pjl(pipe=True)
    pjl.go_on(document(2))
    pjl.finish()
    pjl.hear(b'@PJL USTATUS JOB\r\nEND\r\nNAME="somebody else"\r\n\f')
    assert word_of(pjl) is Word.NONE
    pjl.hear(end(document(1).tag))
    assert word_of(pjl) is Word.CONFIRMED


def test_a_printer_that_fell_silent_is_asked_again_who_it_is() -> None:
    pjl = Pjl(pipe=True)
    who = b"@PJL INFO ID\r\n"
    assert who in pjl.begin(document(1), b"")
    pjl.hear(b'@PJL INFO ID\r\n"LASERJET"\r\n\f')
    assert who not in pjl.begin(document(2), b""), "it has answered"
    assert who in pjl.begin(document(3), b""), "it has not"


def test_a_job_that_was_cancelled_at_the_printer_is_lost() -> None:
    pjl = Pjl(pipe=False)
    pjl.begin(document(), b"")
    pjl.hear(f'@PJL USTATUS JOB\r\nCANCELED\r\nNAME="{document().tag}"\r\n\f'.encode())
    assert (pjl.word, "cancelled" in pjl.why) == (Word.LOST, True)


def test_a_printer_that_is_ready_again_and_again_will_say_no_more() -> None:
    pjl = Pjl(pipe=False)
    pjl.begin(document(), b"")
    ready = b'@PJL INFO STATUS\r\nCODE=10001\r\nDISPLAY="READY"\r\nONLINE=TRUE\r\n\f'
    pjl.hear(ready * 3)
    assert word_of(pjl) is Word.NONE
    pjl.finish()
    pjl.hear(f"@PJL ECHO {document().tag} END\r\n\f".encode() + ready * 3)
    assert word_of(pjl) is Word.UNPROVEN


# Windows' PJL monitor, row by row: a code, PORT_INFO_3's dwStatus and dwSeverity (1 error, 2 warning, 3 information).
PJL_STATUS = [
    (10003, 11, 2), (10006, 10, 2), (40038, 10, 1), (30016, 9, 2), (30078, 12, 2), (35078, 12, 2), (40019, 4, 1),
    (40021, 7, 1), (40022, 2, 1), (40034, 5, 1), (41002, 5, 1), (40079, 1, 1),
    (11102, 3, 2), (11304, 3, 2), (11999, 3, 2), (41102, 3, 1), (41213, 3, 1), (41999, 3, 1),
    (40001, 8, 1), (40010, 8, 1), (40999, 8, 1), (41000, 8, 1), (41101, 8, 1), (42000, 8, 3), (50000, 8, 3),
    (10001, 0, 2), (10002, 0, 2), (11002, 0, 2), (10000, 0, 2), (11101, 0, 2), (12000, 0, 3), (29999, 0, 3),
    (30000, 0, 2), (31000, 0, 3), (35000, 0, 2), (36000, 0, 3), (40000, 0, 3), (0, 0, 3),
]  # fmt: skip


@pytest.mark.parametrize(("code", "condition", "severity"), PJL_STATUS)
def test_pjl_codes_are_windows_port_status(code: int, condition: int, severity: int) -> None:
    assert (condition_of(code), severity_of(code)) == (condition, severity)
    found = report_of(code, "13 PAPER JAM")
    assert (found is None) is (condition == Condition.CLEAR)
    if found is not None:
        assert "13 PAPER JAM" in found.text
