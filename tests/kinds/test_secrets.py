"""Secrets are references to the environment: what is written down or shown of a resource holds none."""

import dagster as dg
import pytest

from backfill_assets import DeltaLakeIOManager, LakeResource
from backfill_assets.errors.setup import SecretGiven

VALUE = "hunter2"
SECRET_OPTIONS = [
    "AWS_SECRET_ACCESS_KEY",
    "aws_session_token",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "azure_storage_sas_key",
    "GOOGLE_APPLICATION_CREDENTIALS_JSON",
    "password",
]


@pytest.mark.parametrize("option", SECRET_OPTIONS)
def test_a_secret_option_of_the_lake_is_a_reference_or_refused(monkeypatch: pytest.MonkeyPatch, option: str):
    literal = LakeResource(root="s3://bucket/lake", storage_options={option: VALUE})
    assert VALUE not in repr(literal)
    with pytest.raises(SecretGiven, match=option):
        literal.get_resource_definition()

    monkeypatch.setenv("OF_THE_LAKE", VALUE)
    reference = LakeResource(root="s3://bucket/lake", storage_options={option: dg.EnvVar("OF_THE_LAKE")})
    assert VALUE not in repr(reference.get_resource_definition().config_schema.default_value)
    assert reference.lake().storage_options == {option: VALUE}


def test_options_that_are_no_secrets_may_stand_there():
    options = {"AWS_ENDPOINT_URL": "http://x", "AWS_ACCESS_KEY_ID": "key", "AWS_REGION": "r", "conditional_put": "etag"}
    assert LakeResource(root="s3://bucket/lake", storage_options=options).get_resource_definition()


def test_a_run_reads_the_reference_and_keeps_none_of_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OF_THE_LAKE", VALUE)
    lake = LakeResource(root="s3://b/l", storage_options={"AWS_SECRET_ACCESS_KEY": dg.EnvVar("OF_THE_LAKE")})
    read: list[dict] = []

    @dg.asset(required_resource_keys={"lake"})
    def reads(context: dg.AssetExecutionContext) -> None:
        read.append(dict(context.resources.lake.lake().storage_options))

    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)}
        ran = dg.materialize([reads], resources=resources, instance=instance)
        assert VALUE not in repr(instance.get_run_by_id(ran.run_id))

    assert read == [{"AWS_SECRET_ACCESS_KEY": VALUE}]
