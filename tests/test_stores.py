"""Our object store is as atomic as one has to be: of several puts at once of what must not be there, one succeeds."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.stores import BUCKET, ENVIRONMENT, object_store

WRITERS, ROUNDS = 4, 100
# Threads of the server take turns as often as they can, as they do where the machine is busy.
IMPATIENT = "import sys; sys.setswitchinterval(1e-6)\n"


@pytest.mark.slow
def test_of_puts_at_once_one_succeeds():
    with object_store(IMPATIENT) as address, ThreadPoolExecutor(WRITERS) as writers:
        keys = {name.lower(): ENVIRONMENT[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        clients = [
            boto3.session.Session().client("s3", endpoint_url=address, region_name="us-east-1", **keys)
            for _ in range(WRITERS)
        ]
        together = Barrier(WRITERS)

        def said(client: Any, key: str) -> str:
            together.wait()
            try:
                client.put_object(Bucket=BUCKET, Key=key, Body=b"x" * 200, IfNoneMatch="*")
            except ClientError as error:
                return error.response["Error"]["Code"]
            return ""

        for number in range(ROUNDS):
            answers = sorted(writers.map(lambda client, key=f"k{number}": said(client, key), clients))
            assert answers == ["", *["PreconditionFailed"] * (WRITERS - 1)]
