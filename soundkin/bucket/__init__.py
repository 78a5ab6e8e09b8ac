"""Object storage: S3 and what speaks like it, Google Cloud Storage, Azure.

- :mod:`soundkin.bucket.address`   ``s3://bucket/key`` taken apart and put together
- :mod:`soundkin.bucket.login`     endpoint, region and credentials from the usual places
- :mod:`soundkin.bucket.client`    read, write where nothing is, replace what is unchanged, list
- :mod:`soundkin.bucket.reading`   one object as a file that can seek, read by ranges
- :mod:`soundkin.bucket.refusal`   what a store answers instead, as one sentence

Nothing here knows of libraries or sounds. Imported lazily: who has no bucket pays nothing.
"""

from __future__ import annotations

from soundkin.bucket.address import SCHEMES, Address, is_address, whole

__all__ = ["SCHEMES", "Address", "is_address", "whole"]
