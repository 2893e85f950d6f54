"""The proof of what was validated, and what is no longer that."""

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def drifted(issued: Certificate, **now: object) -> tuple[date, ...]:
    seen = {"live_now": issued.live, "staged_now": issued.staged, "inputs_now": issued.inputs} | now
    return issued.drifted_days(**seen)


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


def test_nothing_drifts_while_nothing_moves() -> None:
    assert drifted(certificate()) == ()
    assert drifted(certificate(), live_now={MONDAY: "l1", WEDNESDAY: "tonight"}) == ()


def test_a_day_drifts_when_live_staged_or_inputs_moved() -> None:
    issued = certificate()

    assert drifted(issued, live_now={MONDAY: "compacted"}) == (MONDAY,)
    assert drifted(issued, live_now={}) == (MONDAY,)
    assert drifted(issued, live_now={MONDAY: "l1", TUESDAY: "landed"}) == (TUESDAY,)
    assert drifted(issued, staged_now={MONDAY: "s1"}) == (TUESDAY,)
    assert drifted(issued, staged_now={**issued.staged, WEDNESDAY: "s9"}) == (WEDNESDAY,)
    assert drifted(issued, inputs_now={**issued.inputs, TUESDAY: {"raw_transactions": "late"}}) == (TUESDAY,)
    assert drifted(issued, inputs_now=None) == ()


@given(st.sets(st.sampled_from(DAYS)), st.sets(st.sampled_from(DAYS)))
def test_exactly_the_days_that_moved_drift(live: set[date], staged: set[date]) -> None:
    before = dict.fromkeys(DAYS, "before")
    issued = certificate(live=before, staged=before, inputs={})

    now = issued.drifted_days(before | dict.fromkeys(live, "after"), before | dict.fromkeys(staged, "after"))
    assert set(now) == live | staged
