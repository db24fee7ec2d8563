"""Where the files of a job are in a store of its user: an element in the specifics of the job."""

import re
import secrets

from lgi_protocol import s3_settings, xml
from lgi_protocol.value_object import value_object

TAG = "user_store"
SCHEME = "s3://"
# The archive of results below the prefix of a job.
RESULTS = "results.tar.gz"
_JOB = re.compile(r"JOB_[0-9a-f]{32}")


@value_object
class StorePlace:
    """The address of a store, a bucket, and a prefix in it that ends with JOB_ and 128 random bits."""

    server: str
    bucket: str
    prefix: str

    def __post_init__(self) -> None:
        """Raise ValueError for a place that is none."""
        begin, _, job = self.prefix.rpartition("/")
        is_plain = s3_settings.store_url(self.server) == self.server
        if not is_plain or s3_settings.bucket(self.bucket) != self.bucket or not _JOB.fullmatch(job):
            raise ValueError(f"{self.prefix[:60]!r} is no place of a job in a store")
        if begin and s3_settings.prefix(begin) != f"{begin}/":
            raise ValueError(f"{self.prefix[:60]!r} is no place of a job in a store")

    def key(self, name: str) -> str:
        """Return the key of the object of a file."""
        return f"{self.prefix}/{name}"

    @property
    def address(self) -> str:
        """The place as users write it."""
        return f"{SCHEME}{self.bucket}/{self.prefix}"

    def as_xml(self) -> str:
        """Return the element for the specifics of a job. It has no secret."""
        values = {"store_server": self.server, "store_bucket": self.bucket, "store_prefix": self.prefix}
        return xml.write(xml.Element(TAG, tuple(xml.Element(name, text) for name, text in values.items())))


def input_name(name: str) -> str:
    """Return the name below the prefix of a job for a file that is sent with it."""
    return f"in/{name}"


def of_new_job(server: str, address: str) -> StorePlace:
    """Return a new place below ``s3://BUCKET/PREFIX``. Raises ValueError."""
    bucket, _, prefix = address.removeprefix(SCHEME).partition("/")
    if not address.startswith(SCHEME):
        raise ValueError(f"{address[:60]!r} is no place in a store: write s3://BUCKET or s3://BUCKET/PREFIX")
    job = f"{s3_settings.prefix(prefix)}JOB_{secrets.token_hex(16)}"
    return StorePlace(server, s3_settings.bucket(bucket), job)


def read(specifics: str) -> StorePlace | None:
    """Return the place that a job names, None for a job without one. Raises ValueError."""
    found = xml.find(specifics, TAG)
    if found is None:
        return None
    names = ("store_server", "store_bucket", "store_prefix")
    return StorePlace(*(xml.value(found.inside, name) for name in names))
