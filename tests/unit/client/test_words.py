"""How the command says what came out: no more than is proven."""

from __future__ import annotations

import pytest

from printfabric.types.v1.ledger_pb2 import Evidence, EvidenceLevel, EvidenceSource, Ledger, Outcome
from printfabric_client.command import words

ACKED, CONFIRMED = EvidenceLevel.EVIDENCE_LEVEL_ACKED, EvidenceLevel.EVIDENCE_LEVEL_CONFIRMED


@pytest.mark.parametrize(
    ("level", "source", "said"),
    [
        (CONFIRMED, EvidenceSource.EVIDENCE_SOURCE_PJL, "printed, confirmed by the printer"),
        (
            ACKED,
            EvidenceSource.EVIDENCE_SOURCE_TCP_ACK,
            "handed over, acknowledged by the printer's connection, the printer did not say",
        ),
        (
            ACKED,
            EvidenceSource.EVIDENCE_SOURCE_TIMEOUT,
            "handed over, ended by a time-out: the printer did not answer",
        ),
        (ACKED, EvidenceSource.EVIDENCE_SOURCE_FILE_SYNC, "handed over, the file is safe on disk"),
        (CONFIRMED, EvidenceSource.EVIDENCE_SOURCE_OPERATOR, "printed, confirmed by the printer"),
        (ACKED, EvidenceSource.EVIDENCE_SOURCE_OPERATOR, "printed, as a person decided"),
    ],
)
def test_printed_is_said_only_of_what_the_printer_or_a_person_vouches_for(
    level: EvidenceLevel.ValueType, source: EvidenceSource.ValueType, said: str
) -> None:
    ledger = Ledger(level=level, evidence=[Evidence(level=level, source=source)])
    assert words.outcome(Outcome.OUTCOME_PRINTED, ledger) == said
