"""Files on an S3 server: one request puts a whole object or nothing, one gets it. What goes wrong
is a StorageFault with a line that an operator understands. Loaded only where STORAGE_URL names a
bucket, since boto3 takes its time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile, File
from storages.backends.s3 import S3Storage

from registry.storage import StorageFault, StorageRefused

# A reader waits for it, so it answers soon or not at all.
LIMITS = {"connect_timeout": 2, "read_timeout": 10, "retries": {"total_max_attempts": 2}}
# Checksums beyond S3's first version are not known to every server that speaks it.
COMPATIBLE = {
    "signature_version": "s3v4",
    "s3": {"addressing_style": "path"},
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}
MISSING = {"NoSuchKey", "404"}
WRONG = {
    "NoSuchBucket": "there is no such bucket",
    "InvalidAccessKeyId": "the access key is not known there",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "AccessDenied": "the key may not read and write there",
    "AuthorizationHeaderMalformed": "the region is wrong",
    "PermanentRedirect": "the bucket is in another region",
}


class ObjectStorage(S3Storage):
    def __init__(self, **options: Any) -> None:
        super().__init__(client_config=Config(**LIMITS, **COMPATIBLE), **options)

    def _open(self, name: str, mode: str = "rb") -> File:
        with self._told(name):
            answer = self._client.get_object(Bucket=self.bucket_name, Key=self._key(name))
            return ContentFile(answer["Body"].read(), name)

    def _save(self, name: str, content: File) -> str:
        with self._told(name):
            given = self._get_write_parameters(name, content)
            body = b"".join(content.chunks())
            self._client.put_object(
                Bucket=self.bucket_name, Key=self._key(name), Body=body, **given
            )
        return name

    def delete(self, name: str) -> None:
        with self._told(name):
            super().delete(name)

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        with self._told(name):
            folders, names = super().listdir(name)
        return folders, names

    def get_modified_time(self, name: str) -> datetime:
        with self._told(name):
            written: datetime = super().get_modified_time(name)
        return written

    @property
    def _client(self) -> Any:
        return self.connection.meta.client

    def _key(self, name: str) -> str:
        return str(self._normalize_name(name))

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        place = f"bucket {self.bucket_name} at {self.endpoint_url}"
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code in MISSING:
                raise FileNotFoundError(f"{name} is not in {place}") from None
            if code in WRONG:
                raise StorageRefused(f"{place}: {WRONG[code]}") from None
            raise StorageFault(f"{place} answers {code}") from None
        except BotoCoreError as error:
            raise StorageFault(f"{place} does not answer: {type(error).__name__}") from None
