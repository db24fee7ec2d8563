"""An object store of S3 in this process, for its faults: it checks signatures, and lies when it is told to.

What an honest store does is tested with a real one too (tests/object_store).
"""

import hashlib
import html
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from lgi_protocol import s3_signature
from lgi_protocol.s3_signature import S3Credentials, S3Request

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/[^,]+, SignedHeaders=([^,]+), Signature=(\w+)"
)


class Fault(Enum):
    """What is wrong with a store."""

    NONE = "nothing"
    AWAY = "it ends connections"
    BUSY = "HTTP 503"
    FULL = "HTTP 507 for what is stored"
    SHORT = "objects end early"
    LARGE = "a list says that objects are larger"
    ODD_TAG = "an ETag has quotes"
    FOREIGN = "a list has objects of others"
    ENDLESS = "a list never ends"
    NO_RANGE = "objects are sent from their begin, whatever part was asked for"
    NO_XML = "answers are no XML"
    DTD = "answers have entities"


@dataclass
class StoredObject:
    """An object: bytes, and headers of its own."""

    data: bytes
    headers: dict[str, str]
    date: float = field(default_factory=time.time)

    @property
    def tag(self) -> str:
        """The ETag."""
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"'


class ObjectServer:
    """A store with one account; ``objects`` is what it has, by bucket and key."""

    def __init__(self, credentials: S3Credentials) -> None:
        self.credentials = credentials
        self.fault = Fault.NONE
        self.objects: dict[str, StoredObject] = {}
        self.buckets: set[str] = set()
        # Uploads of parts that are not complete, by their number.
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.requests: list[str] = []
        self._server: ThreadingHTTPServer | None = None
        self._start()

    def _start(self) -> None:
        handler = type("Handler", (_Handler,), {"store": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    store: ObjectServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_words: object) -> None:
        """Log nothing."""

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(60)

    def answer(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def refuse(self, status: int, code: str) -> None:
        self.answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())

    def is_signed(self, body: bytes) -> bool:
        digest = self.headers.get("x-amz-content-sha256", "")
        if digest and digest != hashlib.sha256(body).hexdigest():
            return False
        found = _AUTHORIZATION.fullmatch(self.headers.get("authorization", ""))
        if found is None:
            return self.is_presigned()
        access, names, _signature = found.groups()
        signed = {name: self.headers.get(name, "") for name in names.split(";")}
        own = {
            key: value for key, value in signed.items() if not key.startswith("x-amz-date") and key != "host"
        }
        own.pop("x-amz-content-sha256", None)
        request = S3Request(self.command, signed["host"], self.place.path, self.query, own, digest)
        now = datetime.strptime(signed["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        expected = s3_signature.headers(request, self.store.credentials, now)["authorization"]
        return access == self.store.credentials.access_key and expected == self.headers["authorization"]

    def is_presigned(self) -> bool:
        query = dict(self.query)
        if not query.pop("X-Amz-Signature", ""):
            return False
        made = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        seconds = int(query["X-Amz-Expires"])
        own = {name: self.headers.get(name, "") for name in query["X-Amz-SignedHeaders"].split(";")}
        host = own.pop("host")
        rest = {name: value for name, value in query.items() if not name.startswith("X-Amz-")}
        request = S3Request(self.command, host, self.place.path, rest, own)
        expected = s3_signature.presigned_query(request, self.store.credentials, made, seconds)
        return dict(parse_qsl(expected))["X-Amz-Signature"] == self.query["X-Amz-Signature"] and (
            time.time() <= made.timestamp() + seconds
        )

    def handle_request(self) -> None:
        self.place = urlsplit(self.path)
        self.query = dict(parse_qsl(self.place.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.store.requests.append(f"{self.command} {self.path}")
        if self.store.fault is Fault.AWAY:
            self.close_connection = True
            return
        if self.store.fault is Fault.BUSY:
            self.refuse(503, "SlowDown")
            return
        if not self.is_signed(body):
            self.refuse(403, "SignatureDoesNotMatch")
            return
        bucket, _, key = unquote(self.place.path[1:], errors="surrogateescape").partition("/")
        if not key and self.command == "PUT":
            self.store.buckets.add(bucket)
            self.answer(200)
        elif bucket not in self.store.buckets:
            self.refuse(404, "NoSuchBucket")
        elif not key:
            self.of_bucket(bucket, body)
        elif self.command in {"PUT", "POST"} and self.store.fault is Fault.FULL:
            self.refuse(507, "InsufficientStorage")
        else:
            self.of_object(f"{bucket}/{key}", body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request

    def of_bucket(self, bucket: str, body: bytes) -> None:
        if self.store.fault is Fault.NO_XML:
            self.answer(200, b"\x00\xff <")
        elif self.store.fault is Fault.DTD:
            self.answer(200, b'<!DOCTYPE x [<!ENTITY e "eeee">]><ListBucketResult>&e;</ListBucketResult>')
        elif "delete" in self.query:
            for key in re.findall("<Key>(.*?)</Key>", body.decode("utf-8", "surrogateescape"), re.S):
                self.store.objects.pop(f"{bucket}/{html.unescape(key)}", None)
            self.answer(200, b"<DeleteResult/>")
        else:
            self.answer(200, self.listing(bucket))

    def listing(self, bucket: str) -> bytes:
        begin, most = f"{bucket}/{self.query.get('prefix', '')}", int(self.query["max-keys"])
        if self.store.fault is Fault.FOREIGN:
            begin = f"{bucket}/"
        after = self.query.get("continuation-token", "")
        keys = sorted(key for key in self.store.objects if key.startswith(begin) and key > after)
        is_cut = len(keys) > most or self.store.fault is Fault.ENDLESS
        found, prefixes = [], set()
        for key in keys[:most]:
            one, rest = self.store.objects[key], key.removeprefix(begin)
            name = quote(key.partition("/")[2], errors="surrogateescape")
            if self.query.get("delimiter") and "/" in rest:
                prefixes.add(name[: len(name) - len(quote(rest))] + quote(rest.partition("/")[0]) + "/")
                continue
            size = len(one.data) + (10 if self.store.fault is Fault.LARGE else 0)
            date = datetime.fromtimestamp(one.date, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            found.append(
                f"<Contents><Key>{name}</Key><Size>{size}</Size><LastModified>{date}</LastModified></Contents>"
            )
        common = "".join(
            f"<CommonPrefixes><Prefix>{one}</Prefix></CommonPrefixes>" for one in sorted(prefixes)
        )
        token = "same" if self.store.fault is Fault.ENDLESS else (keys[:most] or [""])[-1]
        more = f"<NextContinuationToken>{_escaped(token)}</NextContinuationToken>" if is_cut else ""
        return (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(is_cut).lower()}</IsTruncated>{more}{''.join(found)}{common}</ListBucketResult>"
        ).encode()

    def of_object(self, name: str, body: bytes) -> None:
        own = {
            key.lower(): value for key, value in self.headers.items() if key.lower().startswith("x-amz-meta-")
        }
        if "uploads" in self.query:
            number = str(len(self.store.uploads))
            self.store.uploads[number] = {}
            self.store.headers[number] = own
            self.answer(200, f"<Result><UploadId>{number}</UploadId></Result>".encode())
        elif "partNumber" in self.query:
            self.store.uploads[self.query["uploadId"]][int(self.query["partNumber"])] = body
            self.answer(200, ETag='"part"')
        elif self.command == "POST":
            parts = self.store.uploads.pop(self.query["uploadId"])
            own = self.store.headers.pop(self.query["uploadId"])
            self.store.objects[name] = StoredObject(b"".join(parts[one] for one in sorted(parts)), own)
            self.answer(200, b"<Result/>")
        elif self.command == "PUT" and "x-amz-copy-source" in self.headers:
            source = self.store.objects.get(unquote(self.headers["x-amz-copy-source"])[1:])
            # As real ones do: the error of a copy has the status of success.
            self.store.objects |= {name: source} if source else {}
            self.answer(200, b"<CopyObjectResult/>" if source else b"<Error><Code>NoSuchKey</Code></Error>")
        elif self.command == "PUT":
            self.store.objects[name] = StoredObject(body, own)
            self.answer(200, ETag=self.store.objects[name].tag)
        elif self.command == "DELETE":
            self.store.objects.pop(name, None)
            self.store.uploads.pop(self.query.get("uploadId", ""), None)
            self.answer(204)
        else:
            self.read(self.store.objects.get(name))

    def read(self, found: StoredObject | None) -> None:
        if found is None:
            self.refuse(404, "NoSuchKey")
            return
        if self.headers.get("If-Match", found.tag) != found.tag and self.store.fault is not Fault.ODD_TAG:
            self.refuse(412, "PreconditionFailed")
            return
        begin = int(re.sub(r"\D", "", self.headers.get("Range", "0")))
        begin = 0 if self.store.fault is Fault.NO_RANGE else begin
        data = found.data[begin:]
        self.send_response(206 if begin else 200)
        for name, value in found.headers.items():
            self.send_header(name, value)
        self.send_header("ETag", 'W/"a"b"' if self.store.fault is Fault.ODD_TAG else found.tag)
        self.send_header("Last-Modified", formatdate(found.date, usegmt=True))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.close_connection = self.store.fault is Fault.SHORT
            self.wfile.write(data[:-1] if self.store.fault is Fault.SHORT else data)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
