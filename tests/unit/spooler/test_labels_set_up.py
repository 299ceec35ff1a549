"""A label comes out as it would have: for a printer that has read all before it, and for one that was only set up."""

from functools import partial

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from PIL import ImageChops

from printfabric_sim.render.label import draw_label
from spooler.units.zpl import ZplSplitter
from tests.unit.spooler import set_up
from tests.unit.spooler.zpl_model import Printer

# What the simulator's picture shows.
DRAWN = [
    "^LH30,30", "^LH0,0", "^CF0,30", "^CF0,60,40", "^CFA,20,20", "^FWR", "^FWN", "^BY3,2,80", "^BY2,3,40", "^FO10,50", "^FDone^FS", "^FO60,90^FDtwo^FS", "^FO20,20^GB40,20,3^FS", "^A0N,40^FDthree^FS",
    "^FO10,10^BCN^FD123^FS", "^FX a note",
]  # fmt: skip
# What else lasts, and what does not.
IN_FORMATS = [
    *DRAWN, "^LH5,6", "^LH,40", "^PW400", "^PW800", "^LL300", "^LS10", "^LS0", "^LT-5", "^MUI", "^MUD", "^MUD,150,300", "^CF", "^CF,50", "^BY,,90", "^CI28", "^CI0,21,36", "^CWA,E:X.TTF", "^CWB,E:Y.TTF", "^CWA,R:Z.FNT",
    "^MD5", "^MD-3", "~SD20", "~SD05", "~TA-020", "~TA000", "~JSN", "~JSB", "^PR4", "^PR2,6,2", "^MMT", "^MMC,N", "^LRY", "^LRN", "^POI", "^PON", "^PMY", "^MNM", "^MTT", "^JMA", "^JMB", "^JZN", "^JZY", "^JSA",
    "^CVY", "^CVN", "^FE!", "^FL1,2,1", "^FLA.TTF,B.TTF,1", "^KD2", "^SL1", "^SO2,1", "^SO3,4", "^SO2,7", "^SZ2", "^SER:X.DAT", "^PA1,0,1", "^PA,,0", "^MCY", "^MCN", "^SP100", "^COY,40", "^CMA,B,R", "^PL5", "^MW1",
    "^A@N,20,20,E:F.TTF", "^A@N,20", "^ST11,21,2026", "^JUS", "^PQ2", "^FO5,5^FV1^FS", "^GFA,2,2,1,FF00^FS", "^IDR:A.GRF^FS", "^FO1,1^XGR:A.GRF,1,1^FS", "^XFR:F^FS", "^XFG^FS", "~DGR:A.GRF,2,1,ABCD",
    "~HS", "^XB",
]  # fmt: skip
OUTSIDE = [
    "~DGR:A.GRF,2,1,FF00\r\n", "~DGR:A.GRF,2,1,00FF\r\n", "~DYR:B,B,T,3,0,^XZ", "~SD10\r\n", "~SD20", "~TA010", "~JA", "~HS", '! U1 setvar "a" "1"\r\n', '! U1 setvar "a" "2"\r\n', "~JSN", "\r\n",
]  # fmt: skip
# ^ ~ , stand for what is in force; a change is one of these with a character.
CHANGES = ["~CC/", "~CC^", "~CD;", "~CD,", "~CT+", "~CT~"]
CALM = settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
FEW = settings(CALM, max_examples=40)


def formats(words):
    return st.lists(st.sampled_from(words), max_size=6).map(lambda found: ["^XA", *found, "^XZ"])


def stored(words):
    names = st.sampled_from(["^DFR:F^FS", "^DFG.ZPL^FS"])
    plain = [word for word in words if "~" not in word and "^XF" not in word]
    return st.tuples(names, st.lists(st.sampled_from(plain), max_size=5)).map(
        lambda found: ["^XA", found[0], *found[1], "^XZ"]
    )


LABEL = st.tuples(formats(IN_FORMATS), st.booleans()).map(
    lambda found: [*found[0][:-1], "^FDlabel^FS", "^XZ"]
)
THINGS = st.one_of(
    LABEL, LABEL, LABEL, formats(IN_FORMATS), stored(IN_FORMATS), st.sampled_from(OUTSIDE).map(lambda one: [one]),
    st.sampled_from(CHANGES).map(lambda one: [one]), st.tuples(st.sampled_from(CHANGES), LABEL).map(lambda two: [two[1][0], two[0], *two[1][1:]]),
)  # fmt: skip
DOCUMENTS = st.lists(THINGS, min_size=2, max_size=9).map(
    lambda things: [one for thing in things for one in thing]
)


def spoken(words):
    """Return a document in the prefixes that its own commands choose."""
    said, caret, tilde, comma = "", "^", "~", ","
    for word in words:
        counted = "~DY" in word
        if word in CHANGES:
            said += tilde + word[1:]
            caret, tilde, comma = (
                (word[3], tilde, comma) if "CC" in word else (caret, word[3], comma) if "CT" in word else (caret, tilde, word[3])
            )  # fmt: skip
        elif counted:
            said += tilde + word[1:-3].replace(",", comma) + word[-3:]
        else:
            said += word.translate(str.maketrans({"^": caret, "~": tilde, ",": comma}))
    return said.encode()


ends_of = partial(set_up.ends_of, ZplSplitter)
setup_at = partial(set_up.setup_at, ZplSplitter, ahead=64)


def label(*words):
    return ["^XA", *words, "^FDlabel^FS", "^XZ"]


@example(words=[*label("^MUI", "^LH2,2", "^MUD"), *label()], keeps=True)
@example(words=[*label("^LH30,30"), "^XA", "^LH0,0", "^XZ", *label()], keeps=True)
@example(words=[*label("^CWA,E:X.TTF", "^CWB,E:Y.TTF"), *label()], keeps=True)
@example(words=[*label("^BY3,2,80", "^BY,,90"), *label()], keeps=True)
@example(words=[*label("^BY3,2,80", "^BY,,90"), *label()], keeps=False)
@example(words=["^XA", "^DFR:F^FS", "^PW400", "^XZ", *label("^XFR:F^FS"), *label()], keeps=True)
@example(words=[*label("~DGR:A.GRF,2,1,ABCD", "^FO1,1"), *label("^XGR:A.GRF,1,1^FS")], keeps=True)
@example(words=[*label("~CC/", "^LH1,1", "~CC^", "~CD;", "^LH2,2"), *label()], keeps=True)
@example(words=[*label(), "~HS", '! U1 setvar "a" "1"\r\n', *label(), *label()], keeps=True)
@given(words=DOCUMENTS, keeps=st.booleans())
@CALM
def test_a_label_comes_out_as_if_all_before_it_had_been_printed(words, keeps):
    document = spoken(words)
    for end in ends_of(document):
        prefix, refusal = setup_at(document, end)
        event(refusal or "printed")
        if refusal:
            assert not prefix
            continue
        whole, anew = Printer(keeps).read(document[:end]), Printer(keeps).read(prefix)
        switched = Printer(keeps, "".join(whole.words)).read(prefix)
        assert anew.labels == switched.labels == [], "setting up prints nothing"
        assert anew.state == switched.state == whole.state
        whole.labels.clear()
        assert anew.read(document[end:]).labels == whole.read(document[end:]).labels


@given(
    words=st.lists(st.lists(st.sampled_from(DRAWN), max_size=8), min_size=2, max_size=5),
    last=st.lists(st.sampled_from(DRAWN), max_size=5),
)
@FEW
def test_a_label_looks_as_it_would_have(words, last):
    shown = [[*found, "^FO5,5", "^FDlabel^FS"] for found in words]
    document = spoken([one for found in shown for one in ("^XA", *found, "^XZ")])
    silent = spoken(
        [one for found in words for one in found if "^FD" not in one and "^GB" not in one] + ["^FO0,0", "^FS"]
    )
    unit = spoken(["^XA", "^FO9,9", *last, "^FO5,5", "^FDlabel^FS", "^XZ"])
    prefix, refusal = setup_at(document + unit, len(document))
    assert not refusal
    before, after = draw_label(silent + unit), draw_label(prefix + b"^FS" + unit)
    assert before.size == after.size
    assert ImageChops.difference(before, after).getbbox() is None


@pytest.mark.parametrize("command", [
    "~SD25", "~TA-020", "~JSN", "^JMB", "^CVY", "^JZN", "^FE!", "^FL1,2,1", "^LH1,2", "^LT5", "^LS5", "^PW400", "^LL200", "^MD5", "^PR4", "^POI", "^PMY", "^CF0,20", "^CI28", "^CWA,E:X", "^FWR",
    "^BY3", "^MNN", "^MTD", "^MMC", "^MUI", "^LRY", "^SEX", "^SZ2", "^SL1", "^KD1", "^SO2,1", "^COY", "^CMA", "^XB", "^SP1", "^MLx", "^PA1", "^JSA", "^SR0123", "^SS1", "^MF1", "^JTx", "^JW1", "^XSY",
    "^RS8", "^RB96", "^RW1", "^A@N,20,20,E:F.TTF", "^IDR:*.GRF", "^MCN^MCY",
])  # fmt: skip
def test_what_lasts_is_said_again_before_a_later_label(command):
    document = f"^XA{command}^FDone^FS^XZ".encode() + b"^XA^FDlabel^FS^XZ" * 4
    said = f"{command}\n" if command[0] == "~" else f"^XA{command}^XZ\n".replace("^MCN", "")
    assert setup_at(document, ends_of(document)[2]) == (f"~JX{said}".encode(), "")


@pytest.mark.parametrize("command", [
    "^FX note", "^PQ2", "^FO1,2", "^JUS", "^ST11,21,2026", "^KPa", "^NSx", "~HS", "~JA", "~WC", "~JC", "^HH", "^A0N,20", "^BCN,20", "^PP", "^FB100", "^A@N,20", "^RFW,H", "^SN1,1",
])  # fmt: skip
def test_what_is_of_one_label_or_does_something_is_not_said_again(command):
    document = f"^XA{command}^FDone^FS^XZ".encode() + b"^XA^FDlabel^FS^XZ" * 2
    assert setup_at(document, ends_of(document)[1]) == (b"~JX", "")


@pytest.mark.parametrize(("format_", "why"), [
    (b"^XA^MCN^FDfixed^FS^FV1^FS^XZ", "to stay on it (^MCN)"),
    (b"^XA^DFR:F^FS^MCN^XZ^XA^XFR:F^FS^XZ", "to stay on it (^MCN)"),
    (b"^XA^FDa^FS^ISR:A.GRF,N^XZ", "(^IS)"),
    (b"^XA^TOR:A.GRF,E:A.GRF^FDa^FS^XZ", "(^TO)"),
    (b"^XA^JUF^FDa^FS^XZ", "(^JU)"),
    (b"^XA^SZ1^FDa^FS^XZ", "(^SZ)"),
    (b"~JR^XA^FDa^FS^XZ", "(~JR)"),
    (b"^XA^SC9600^FDa^FS^XZ", "(^SC)"),
    (b"^XA^QQ1^FDa^FS^XZ", "nobody follows ^QQ"),
    (b"~QQ^XA^FDa^FS^XZ", "nobody follows ~QQ"),
    (b"^XA^FDa^FS^LH" + b"1" * 100 + b"^XZ", "too long"),
    (b"^XA^DFR:F^CC//FDa/XZ/XA/FDa/XZ", "a prefix changes within a stored format"),
    (b"^XA^CC//DFR:F/FDa/XZ/XA/FDa/XZ", "a prefix changes within a stored format"),
    (b"^XA^FDa^FS^DFR:F^XZ^XA^FDa^XZ", "could not be kept"),
    (b"".join(b"^XA^FLA%05d.TTF,B.TTF,1^FDa^XZ" % number for number in range(4000)), "65536 bytes"),
    (b"".join(b"^XA^DFR:%05d^FS^XZ" % number for number in range(4000)) + b"^XA^FDa^XZ", "65536 bytes"),
])  # fmt: skip
def test_what_cannot_be_made_again_is_refused_with_its_reason(format_, why):
    rest = b"/XA/FDb/XZ" if b"^CC/" in format_ else b"^XA^FDb^XZ"
    prefix, refusal = setup_at(format_ + rest, ends_of(format_ + rest)[-2])
    assert why in refusal
    assert not prefix


def test_labels_that_stay_no_longer_are_no_reason():
    document = b"^XA^MCN^FDa^FS^XZ^XA^MCY^FV1^FS^XZ" + b"^XA^FDb^FS^XZ" * 2
    ends = ends_of(document)
    assert "MCN" in setup_at(document, ends[0])[1]
    assert setup_at(document, ends[1]) == setup_at(document, ends[2]) == (b"~JX^XA^MCY^XZ\n", "")


def test_a_template_that_sets_something_is_said_once_and_what_it_set_too():
    template = b"^XA^DFR:T.ZPL^FS^PW812^CI28^FO10,10^FN1^FS^XZ\n"
    document = template + b"^XA^XFR:T.ZPL^FS^FN1^FDa^FS^XZ\n" * 50
    assert setup_at(document, ends_of(document)[40]) == (b"~JX" + template + b"^XA^PW812^CI28^XZ\n", "")
