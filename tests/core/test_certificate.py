"""The proof of what was validated, and what is no longer that."""

import json
from dataclasses import replace

import pytest

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.check import Check
from backfill_assets.errors.validation import CertificateAltered
from tests.scenarios_comparison import DAYS

MONDAY, TUESDAY, WEDNESDAY = DAYS[4:7]


def certificate(**changes: object) -> Certificate:
    issued = Certificate(
        correction="20260123",
        plan="p1",
        staged={MONDAY: "s1", TUESDAY: "s2"},
        live={MONDAY: "l1", TUESDAY: ""},
        inputs={MONDAY: {"raw_transactions": "r1", "raw_fixings": "f1"}, TUESDAY: {"raw_transactions": "r2"}},
        changed_days=(MONDAY,),
        unchanged_days=(TUESDAY,),
        checks=(Check("days_complete", True, "All 2 days are staged.", (), {"note": "ä"}),),
    )
    return replace(issued, **changes)


def test_it_survives_writing_and_reading() -> None:
    issued = certificate()

    assert Certificate.from_json(json.loads(json.dumps(issued.as_json()))) == issued


def test_the_digest_does_not_depend_on_the_order_of_days_and_sources() -> None:
    turned = certificate(
        staged={TUESDAY: "s2", MONDAY: "s1"},
        inputs={TUESDAY: {"raw_transactions": "r2"}, MONDAY: {"raw_fixings": "f1", "raw_transactions": "r1"}},
    )

    assert turned.digest == certificate().digest
    assert len(turned.digest) == 64


@pytest.mark.parametrize(
    "changes",
    [
        {"correction": "20260123_2"},
        {"plan": "p2"},
        {"staged": {MONDAY: "s1", TUESDAY: "s3"}},
        {"live": {MONDAY: "l1"}},
        {"inputs": {}},
        {"changed_days": (), "unchanged_days": (MONDAY, TUESDAY)},
        {"checks": ()},
        {"checks": (Check("days_complete", False, "All 2 days are staged."),)},
    ],
)
def test_whatever_is_altered_alters_the_digest_and_is_refused(changes: dict[str, object]) -> None:
    stored = certificate().as_json()

    assert certificate(**changes).digest != stored["digest"]
    with pytest.raises(CertificateAltered, match="certificate of correction 20260123"):
        Certificate.from_json(certificate(**changes).as_json() | {"digest": stored["digest"]})


def test_it_passes_only_with_checks_that_all_pass() -> None:
    failed = Check("sign", False, "A day moves down.")

    assert certificate().passed
    assert not certificate(checks=(*certificate().checks, failed)).passed
    assert not certificate(checks=()).passed
