"""STORAGE_URL into an entry of Django's STORAGES: a folder, or a bucket of an S3 server. Called by
`registry.settings`.
"""

import re
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

SCHEMES = ("file", "s3", "s3+http")
EXPECTED = (
    "file:///folder, or s3://KEY:SECRET@HOST/BUCKET with ?region=NAME where the server has regions "
    "(s3+http:// without TLS; without KEY:SECRET@ they are taken from AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY)"
)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
USUAL_REGION = "us-east-1"  # what servers without regions take


def folder_of(url: str) -> str:
    """The folder on disk; empty for a bucket."""
    parts = urlsplit(url)
    return unquote(parts.path) if parts.scheme == "file" else ""


def storage_of(url: str) -> dict[str, Any]:
    """Backend and options. Raises ValueError for a bucket that is none."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        # A name says the content, so whoever writes it again writes the same.
        options: dict[str, Any] = {"allow_overwrite": True}
        return {"BACKEND": "charts.artefacts.DurableStorage", "OPTIONS": options}
    return {"BACKEND": "registry.object_storage.ObjectStorage", "OPTIONS": _bucket(parts)}


def _bucket(parts: SplitResult) -> dict[str, Any]:
    bucket, _, folder = parts.path.strip("/").partition("/")
    asked = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    (region,) = asked.pop("region", [USUAL_REGION])
    is_good = _BUCKET.fullmatch(bucket) and _REGION.fullmatch(region)
    if not is_good or asked or parts.fragment or bool(parts.username) != bool(parts.password):
        raise ValueError("no bucket")
    keys = {
        "access_key": unquote(parts.username or ""),
        "secret_key": unquote(parts.password or ""),
    }
    place = parts.netloc.rpartition("@")[2]
    return {
        "bucket_name": bucket,
        "location": unquote(folder),
        "endpoint_url": f"{'http' if parts.scheme == 's3+http' else 'https'}://{place}",
        "region_name": region,
        **{name: value for name, value in keys.items() if value},
    }
