"""What docs/attest.md says to auditors is so: its lines are run, and others' tools read what is exported."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from backfill_assets.core.statement import PREDICATE
from backfill_assets.errors.attesting import KeyUnfit, NotAttested, NothingToState, StatementUnwritable
from backfill_assets.runbook.attesting import attest
from backfill_assets.runbook.stating import write_statement
from tests.runbook.world import START, TABLE, World, copy_of, world_at

DOCUMENT = (Path(__file__).parents[2] / "docs/attest.md").read_text()
RECOMPUTED, VERIFIED = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    world = world_at(tmp_path_factory.mktemp("attested") / "lake")
    correction = world.open(4, 9).correction
    world.through(correction)
    return world, correction


def run(lines: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", lines, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def key_in(folder: Path, key: object | None = None, mode: int = 0o600, password: bytes = b"") -> Path:
    made = key or Ed25519PrivateKey.generate()
    locked = ser.BestAvailableEncryption(password) if password else ser.NoEncryption()
    file = folder / "key.pem"
    file.write_bytes(made.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, locked))
    file.chmod(mode)
    return file


def public_of(file: Path) -> bytes:
    key = ser.load_pem_private_key(file.read_bytes(), None).public_key()
    return key.public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo)


def test_an_auditor_computes_the_same_digests_with_nothing_of_ours(corrected: tuple[World, str], tmp_path: Path):
    world, correction = corrected
    assert len(RECOMPUTED.strip().splitlines()) <= 30
    assert "backfill_assets" not in RECOMPUTED

    told = run(RECOMPUTED, world.root)

    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {correction: world.records.ledger.head(correction)}

    forged = copy_of(world, tmp_path / "forged")
    for file in (forged.root / "_control/ledger").glob("*.parquet"):
        file.write_bytes(file.read_bytes().replace(b"ada", b"eve"))
    told = run(RECOMPUTED, forged.root)
    assert told.returncode != 0


def test_a_statement_is_one_by_the_rules_of_in_toto(corrected: tuple[World, str], tmp_path: Path):
    world, correction = corrected
    file = tmp_path / "statement.json"

    write_statement(attest(world.records, correction), file, None, START)

    stated = json.loads(file.read_text())
    Statement.copy_from_pb(ParseDict(stated, StatementMessage())).validate()
    assert stated["predicateType"] == PREDICATE
    assert PREDICATE in DOCUMENT
    for key in stated["predicate"]:
        assert f"`{key}`" in DOCUMENT
    names = {one["name"]: one["digest"]["sha256"] for one in stated["subject"]}
    sums = subprocess.run(["sha256sum", *names], cwd=world.root, capture_output=True, text=True, check=True).stdout
    assert {line.split("  ")[1]: line.split("  ")[0] for line in sums.splitlines()} == names
    assert len(names) == 6
    assert all(name.startswith(f"{TABLE}/_backfill_{correction}/day=") for name in names)
    assert stated["predicate"]["ledger"]["digest"] == world.records.ledger.head(correction)


def test_a_signed_statement_is_verified_by_others_and_an_altered_one_is_not(
    corrected: tuple[World, str], tmp_path: Path
):
    world, correction = corrected
    key, file, public = key_in(tmp_path), tmp_path / "statement.dsse.json", tmp_path / "public.pem"
    public.write_bytes(public_of(key))

    write_statement(attest(world.records, correction), file, key, START)

    (signature,) = json.loads(file.read_text())["signatures"]
    known = SSlibKey(signature["keyid"], "ed25519", "ed25519", {"public": _raw(key)})
    assert {*Envelope.from_dict(json.loads(file.read_text())).verify([known], 1)} == {signature["keyid"]}
    shown = run(VERIFIED, file, public)
    assert shown.stdout.strip() == world.records.ledger.head(correction), shown.stderr

    altered = json.loads(file.read_text())
    altered["payload"] = altered["payload"][:-8] + "AAAA" + altered["payload"][-4:]
    with pytest.raises(VerificationError):
        Envelope.from_dict(json.loads(json.dumps(altered))).verify([known], 1)
    file.write_text(json.dumps(altered))
    assert run(VERIFIED, file, public).returncode != 0


def _raw(key: Path) -> str:
    loaded = ser.load_pem_private_key(key.read_bytes(), None).public_key()
    return loaded.public_bytes(ser.Encoding.Raw, ser.PublicFormat.Raw).hex()


UNFIT: Mapping[str, tuple[Callable[[Path], Path], str]] = {
    "readable by a group": (lambda folder: key_in(folder, mode=0o640), "others can read it"),
    "readable by all": (lambda folder: key_in(folder, mode=0o604), "others can read it"),
    "of another kind": (lambda folder: key_in(folder, X25519PrivateKey.generate()), "no Ed25519 key"),
    "encrypted": (lambda folder: key_in(folder, password=b"secret"), "encrypted"),
    "no key": (lambda folder: _written(folder / "key.pem", b"hello"), "no private key"),
    "not there": (lambda folder: folder / "none.pem", "cannot be read"),
    "a folder": (lambda folder: folder, "cannot be read"),
}
"""Keys that nothing is signed with, and why."""


def _written(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    file.chmod(0o600)
    return file


@pytest.mark.parametrize(("make", "why"), UNFIT.values(), ids=UNFIT)
def test_a_key_that_is_unfit_is_refused_and_nothing_is_written(
    corrected: tuple[World, str], tmp_path: Path, make: Callable[[Path], Path], why: str
):
    world, correction = corrected
    key = make(tmp_path)

    with pytest.raises(KeyUnfit, match=why) as refused:
        write_statement(attest(world.records, correction), tmp_path / "out.json", key, START)

    assert "secret" not in str(refused.value)
    assert not (tmp_path / "out.json").exists()


def test_nothing_is_stated_of_what_is_wrong_or_has_no_certificate(tmp_path: Path):
    world = world_at(tmp_path / "lake")
    correction = world.open(4, 9).correction
    with pytest.raises(NothingToState):
        write_statement(attest(world.records, correction), tmp_path / "out.json", None, START)
    world.drive(correction)
    with pytest.raises(StatementUnwritable):
        write_statement(attest(world.records, correction), tmp_path / "lake" / "sales" / "_delta_log", None, START)
    next(iter((world.root / TABLE / f"_backfill_{correction}").rglob("*.parquet"))).unlink()
    with pytest.raises(NotAttested, match="is gone"):
        write_statement(attest(world.records, correction), tmp_path / "out.json", None, START)

    assert not (tmp_path / "out.json").exists()
    assert [file.name for file in tmp_path.iterdir()] == ["lake"]
