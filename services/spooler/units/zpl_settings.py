"""What each ZPL II command leaves in the printer behind the label that says it. Pure data.

After Zebra's "ZPL II Programming Guide": "remains in effect until", "until the printer is turned off", "saved permanently". A
command that is in none of these tables nobody follows. Where the guide does not say how long a command holds, it is taken to
last: said again in a format of its own, one that does not last does nothing.
"""

from __future__ import annotations


def _codes(text: bytes) -> frozenset[bytes]:
    return frozenset(text.split())


# They stay in force, each parameter by itself: one that is left out stays as it was, or goes to its default again.
SETTINGS = _codes(
    b"A@ BY CF CI CM CO CV CW FE FL FW JJ JM JS JT JW JZ KD KV LH LL LR LS LT MC MD MF ML MM MN MT MU MW PA PL PM PO PR PW"
    b" RB RN RR RS RW SE SI SL SO SP SR SS SZ XB XS"
)
# Of these there are several, told apart by so many of their parameters.
KEYED = {b"CW": 1, b"SO": 1, b"FL": 2}
# They give numbers their meaning.
UNITS = (b"MU", b"JM")
CONTROLS = {code: code for code in _codes(b"JD JN JO JS PL SD TA")} | {
    b"JE": b"JD"
}  # with ~; JE ends what JD begins
# They delete, and are said again in their place.
DELETES = _codes(b"EF EG ID JB")
DOWNLOADS = _codes(b"DB DE DG DS DT DU DY")
# Of one field or label; they print, feed, ask, or are about the network, the panel or the clock.
LEAVES_NOTHING = _codes(
    b"FA FB FC FH FM FN FO FP FR FS FT FX TB SF HF HG HH HL HR HT HV HW HY HZ JA JH CN CP KC KL KN KP LF MA MI MP"
    b" NB NC ND NI NN NP NS NT NW PF PH PN PP PS RA RE RF RI RK RL RM RQ RT RU RV RZ"
    b" SQ ST SX WA WC WE WF WI WK WL WP WR WS WT WV WX ZZ"
)
CONTROLS_NOTHING = _codes(
    b"DN HB HD HI HL HM HQ HS HU JA JC JF JG JL JP JQ JX KB NC NR NT PH PP PR PS RO RV WC WL WQ WR"
)
REFUSED = {
    b"IS": "a label before it was stored as an image (^IS)",
    b"TO": "what was stored is copied before it (^TO)",
    b"SC": "the port is set before it (^SC)",
    b"JI": "a program was begun before it (^JI)",
    b"JR": "the printer is restarted before it (~JR)",
}
