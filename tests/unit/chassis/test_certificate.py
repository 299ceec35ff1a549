from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import generate_latest

from chassis import metrics
from chassis.certificate import ends_at
from tests.unit.chassis.certificates import Authority


@pytest.mark.parametrize("expired", [False, True])
def test_the_end_is_the_one_that_others_read(tmp_path: Path, expired: bool):
    file, _ = Authority(tmp_path).issue("one", spiffe="spiffe://fabric/spooler", expired=expired)
    assert ends_at(file.read_text()) == x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc


def test_of_a_chain_the_first_counts(tmp_path: Path):
    authority = Authority(tmp_path)
    file, _ = authority.issue("one")
    assert ends_at("about it\n" + file.read_text() + authority.file.read_text()) == ends_at(file.read_text())


def test_an_end_after_2049_is_written_in_another_way(tmp_path: Path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "for ever")])
    end = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, datetime.now(UTC), end)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    assert ends_at(pem.decode()) == end


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_certificate_is_refused(pem: str):
    with pytest.raises(ValueError, match="."):
        ends_at(pem)


def test_a_page_shows_the_end_of_the_certificate_that_is_there_now(tmp_path: Path):
    authority = Authority(tmp_path)
    file, _ = authority.issue("one", expired=True)
    metrics.show_certificate(file)
    sample = f'printfabric_certificate_end_timestamp_seconds{{file="{file}"}} '

    def shown() -> datetime:
        (line,) = [line for line in generate_latest(metrics.REGISTRY).decode().splitlines() if sample in line]
        return datetime.fromtimestamp(float(line.removeprefix(sample)), UTC)

    assert shown() == ends_at(file.read_text()) < datetime.now(UTC)
    authority.issue("one")
    assert shown() == ends_at(file.read_text()) > datetime.now(UTC)
    file.write_text("half of a replacement")
    assert sample not in generate_latest(metrics.REGISTRY).decode()
