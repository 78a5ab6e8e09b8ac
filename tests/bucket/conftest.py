"""One S3 server for all tests of buckets, a bucket's part for each, credentials that nobody else has."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from soundkin.bucket import client
from tests.bucket.s3 import BUCKET, Mood, moody_s3, running_s3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    with running_s3() as address:
        yield address


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, s3: str) -> None:
    """Credentials and endpoint as a user sets them; caches of one's own."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(client, "RETRIES", 4)
    monkeypatch.setattr(client, "PATIENCE_S", 10.0)
    monkeypatch.setattr(client, "_known", {})


@pytest.fixture
def address(login: None) -> str:
    """An empty part of the bucket."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex[:8]}"


@pytest.fixture
def moody(login: None, s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mood]:
    """The server in front, through which this test asks."""
    with moody_s3(s3) as (front, mood):
        monkeypatch.setenv("AWS_ENDPOINT_URL", front)
        yield mood
