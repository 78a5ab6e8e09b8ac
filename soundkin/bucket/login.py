"""Endpoint, region and credentials from the usual places.

For S3, in this order: the variables of the AWS tools (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL), then the profile AWS_PROFILE (or
"default") of ~/.aws/credentials and ~/.aws/config, then the role of the machine. For Google Cloud Storage
and Azure: what their own tools read (GOOGLE_APPLICATION_CREDENTIALS; AZURE_STORAGE_ACCOUNT_NAME and _KEY).

Plain http is spoken only where the endpoint says http.
"""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import TYPE_CHECKING

from soundkin.errors import BucketError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soundkin.bucket.address import Address

_CHAINED = ("sso_session", "sso_start_url", "role_arn", "credential_process")
"""Ways of a profile to come by its keys that need the AWS tools."""

Options = dict[str, str]


def options_for(address: Address) -> Options:
    """Return the options of the store that an address lies in, as both of its clients take them.

    Raises `BucketError` for a profile that has no keys of its own.
    """
    if address.scheme != "s3":
        return {}
    return s3_options(os.environ)


def s3_options(variables: Mapping[str, str]) -> Options:
    """Return endpoint, region and keys from the environment and the profile it names.

    >>> s3_options({"AWS_ENDPOINT_URL": "http://127.0.0.1:9000", "AWS_CONFIG_FILE": "none",
    ...     "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    ... # doctest: +NORMALIZE_WHITESPACE
    {'aws_access_key_id': 'a', 'aws_secret_access_key': 'b', 'aws_endpoint': 'http://127.0.0.1:9000',
     'aws_region': 'us-east-1', 'allow_http': 'true'}
    """
    profile = _profile(variables)
    found = {
        f"aws_{name}": variables[f"AWS_{name.upper()}"]
        for name in ("access_key_id", "secret_access_key", "session_token")
        if variables.get(f"AWS_{name.upper()}")
    }
    if "aws_access_key_id" not in found:
        found = {
            name: profile[name]
            for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
            if profile.get(name)
        }
    if "aws_access_key_id" not in found and any(profile.get(key) for key in _CHAINED):
        name = variables.get("AWS_PROFILE", "default")
        raise BucketError(
            f"the profile '{name}' has no keys of its own, it logs in by "
            + next(key for key in _CHAINED if profile.get(key)),
            "keys in the environment or in the profile",
            f'run: eval "$(aws configure export-credentials --profile {name} --format env)"',
        )
    endpoint = (
        variables.get("AWS_ENDPOINT_URL_S3")
        or variables.get("AWS_ENDPOINT_URL")
        or profile.get("endpoint_url")
    )
    region = (
        variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or profile.get("region")
    )
    if endpoint:
        found["aws_endpoint"] = endpoint.rstrip("/")
        region = region or "us-east-1"
    if region:
        found["aws_region"] = region
    if endpoint and endpoint.startswith("http://"):
        found["allow_http"] = "true"
    return found


def _profile(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what the two files of the AWS tools say of the profile in use; empty without one."""
    name = variables.get("AWS_PROFILE", "default")
    home = Path.home() / ".aws"
    files = {
        variables.get("AWS_CONFIG_FILE") or str(home / "config"): f"profile {name}",
        variables.get("AWS_SHARED_CREDENTIALS_FILE") or str(home / "credentials"): name,
    }
    found: dict[str, str] = {}
    for path, section in files.items():
        parsed = configparser.ConfigParser(interpolation=None, default_section="")
        try:
            parsed.read(path)
        except (configparser.Error, OSError, UnicodeDecodeError) as error:
            raise BucketError(
                f"'{path}' cannot be read ({str(error).splitlines()[0]})",
                "a file as the AWS tools write it",
                "repair it, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ) from error
        for candidate in (section, name):
            if parsed.has_section(candidate):
                found |= dict(parsed[candidate])
                break
    return found
