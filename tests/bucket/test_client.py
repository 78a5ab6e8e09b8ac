"""Buckets: what is written where nothing is, replaced when unchanged, and what a store refuses."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from soundkin.bucket import Address, client, is_address, whole
from soundkin.bucket.client import Bucket, Object
from soundkin.bucket.login import s3_options
from soundkin.bucket.reading import BLOCK_BYTES, FIRST_BYTES, BucketFile
from soundkin.errors import BucketError, InputError, NotFound

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bucket.s3 import Mood


def test_an_address_is_taken_apart_and_put_together() -> None:
    address = Address.of("s3://bucket//a folder/b/")
    assert (address.bucket, address.key, address.name) == ("bucket", "a folder/b", "b")
    assert whole("gs://bucket/a//b") == b"gs://bucket/a/b"
    assert whole("/tmp/../tmp/x") == b"/tmp/x"
    assert not is_address("file.wav")
    for bad in ("s3://", "ftp://x/y"):
        with pytest.raises(InputError, match="names no bucket"):
            Address.of(bad)
    with pytest.raises(InputError, match="has %"):
        Address.of("s3://bucket/a%20b").demand_plain()


def test_conditional_writes(address: str) -> None:
    bucket = Bucket(Address.of(address))
    assert bucket.is_empty()
    assert bucket.get("a") is None
    assert bucket.head("a") is None
    first = bucket.create("a", b"one")
    assert first is not None
    assert bucket.create("a", b"two") is None
    second = bucket.replace(first, b"three")
    assert second is not None
    assert bucket.replace(first, b"four") is None, "it had changed"
    assert bucket.get("a") == b"three"
    bucket.create("b/ü #&.txt", b"")
    assert [found.name for found in bucket.list()] == ["a", "b/ü #&.txt"]
    assert [found.name for found in bucket.list("b")] == ["b/ü #&.txt"]
    bucket.delete("a")
    bucket.delete("a")
    assert bucket.get("a") is None


def test_a_tag_that_is_no_digest_fits_one_object_alone() -> None:
    digest = '"0123456789abcdef0123456789abcdef"'
    assert Object("a", 5, 1, digest).byte_hash == Object("b", 5, 9, digest.upper()).byte_hash
    assert Object("a", 5, 1, digest).byte_hash != Object("a", 6, 1, digest).byte_hash
    assert Object("a", 5, 1, "CAE=").byte_hash != Object("b", 5, 1, "CAE=").byte_hash


def test_credentials_come_from_environment_and_profile(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "[default]\nregion = eu-west-1\n[profile studio]\nregion = eu-north-1\n"
        "endpoint_url = https://s3.studio.example\n[profile sso]\nsso_session = us\n"
    )
    (tmp_path / "keys").write_text(
        "[studio]\naws_access_key_id = A\naws_secret_access_key = B%\naws_session_token = C\n"
    )
    files = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "keys"),
    }
    assert s3_options(files) == {"aws_region": "eu-west-1"}
    assert s3_options({**files, "AWS_PROFILE": "studio"}) == {
        "aws_access_key_id": "A",
        "aws_secret_access_key": "B%",
        "aws_session_token": "C",
        "aws_endpoint": "https://s3.studio.example",
        "aws_region": "eu-north-1",
    }
    keys = {"AWS_ACCESS_KEY_ID": "X", "AWS_SECRET_ACCESS_KEY": "Y", "AWS_REGION": "r"}
    assert s3_options({**files, **keys, "AWS_ENDPOINT_URL": "http://here:1/"}) == {
        "aws_access_key_id": "X",
        "aws_secret_access_key": "Y",
        "aws_endpoint": "http://here:1",
        "aws_region": "r",
        "allow_http": "true",
    }
    with pytest.raises(BucketError, match=r"sso_session.*aws configure export-credentials"):
        s3_options({**files, "AWS_PROFILE": "sso"})


def test_an_object_reads_like_a_file_by_ranges(address: str, moody: Mood) -> None:
    body = bytes(range(256)) * ((FIRST_BYTES + BLOCK_BYTES + 5000) // 256)
    bucket = Bucket(Address.of(address))
    bucket.create("long.wav", body)
    moody.log.clear()
    plain, file = io.BytesIO(body), BucketFile(Address.of(address) / "long.wav")
    for offset, n in ((0, 44), (len(body) - 9, 99), (FIRST_BYTES - 3, 10), (100, 5), (7, 0)):
        plain.seek(offset)
        file.seek(offset)
        assert file.read(n) == plain.read(n)
        assert file.tell() == plain.tell()
    assert (file.seek(-4, 2), file.read(), file.read(1)) == (len(body) - 4, body[-4:], b"")
    ranges = [how for method, _, how in moody.log if method == "GET"]
    assert ranges == [f"bytes=0-{FIRST_BYTES - 1}", *ranges[1:]]
    assert len(ranges) == 3, "a block that is kept is not fetched again"
    bucket.delete("long.wav")
    bucket.create("long.wav", body[::-1])
    other = BucketFile(Address.of(address) / "long.wav")
    other.what = file.what
    other.seek(FIRST_BYTES)
    with pytest.raises(OSError, match="changed while it was read"):
        other.read(10)


@pytest.mark.parametrize("fault", ["busy", "cut", "slow", "lost"])
def test_a_fault_that_passes_is_not_noticed(address: str, moody: Mood, fault: str) -> None:
    bucket = Bucket(Address.of(address))
    for name in ("a", "b"):
        moody.fault, moody.times = fault, 2
        assert bucket.create(name, name.encode() * 50) is not None
        moody.fault, moody.times = fault, 2
        assert bucket.get(name) == name.encode() * 50
    assert [found.name for found in bucket.list()] == ["a", "b"]


def test_what_does_not_pass_is_one_sentence(
    address: str, moody: Mood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RETRIES", 1)
    bucket = Bucket(Address.of(address))
    moody.fault, moody.times = "busy", 99
    with pytest.raises(BucketError, match=r"is overloaded.*run the same command again"):
        bucket.get("a")
    moody.times = 0
    moody.keys = frozenset({"test"})
    with pytest.raises(BucketError, match="have expired; expected credentials that are valid now"):
        bucket.get("a")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "fresh")
    assert bucket.get("a") is None, "who logs in again need not start again"
    with pytest.raises(NotFound, match="there is no bucket 'nowhere'"):
        Bucket(Address.of("s3://nowhere/x")).get("a")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(BucketError, match="does not answer"):
        Bucket(Address.of(address)).get("a")
