"""The program of a job that calls a pickled function. It is sent with the job, and imports nothing of LGI.

It is the main module of an archive that has the function and cloudpickle. The arguments are in a file beside
it; the values, or the exception, go into a file of the job. What the function prints goes to standard error:
standard output has one line, the digest of that file, which the resource reports with the end of the job.
"""

import hashlib
import json
import os
import pickle  # The archive was made by the submitter of the job.
import sys
import traceback
import zipfile
from typing import Any

FUNCTION, ARGUMENTS, RESULT = "function.pickle", "arguments.pickle", "result.pickle"
# Characters of the text of an exception and of its traceback that are kept: the beginning and the end.
MOST_TEXT = 20000
RAISED, WRONG_PYTHON = 1, 125


def main(archive: str, version: str) -> int:
    """Make the calls and return the exit code: 0, 1 for an exception, 125 for another version of Python."""
    here = "%d.%d" % sys.version_info[:2]  # noqa: UP031 - this line runs in any Python 3
    if here != version:
        sys.stderr.write(
            f"this machine has Python {here}, and the function was pickled by Python {version}, which"
            f" cannot be read there: choose resources with Python {version}, or name it with python=...\n"
        )
        return WRONG_PYTHON
    # The modules among the files of the job can be imported, and leave nothing behind.
    sys.path.insert(1, os.getcwd())
    sys.dont_write_bytecode = True
    digest_line = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    header, data = outcome(archive)
    digest = store(header, data)
    sys.stdout.flush()
    digest_line.write(f"[LGI: the SHA-256 of {RESULT} is {digest}]\n")
    digest_line.close()
    return 0 if header["ok"] else RAISED


def outcome(archive: str) -> "tuple[dict[str, Any], bytes]":
    """Return a header and a pickle: of the list of values, or of the exception, if that can be pickled."""
    try:
        with zipfile.ZipFile(archive) as opened:
            function = pickle.loads(opened.read(FUNCTION))  # noqa: S301
        with open(ARGUMENTS, "rb") as file:
            calls = pickle.loads(file.read())  # noqa: S301
        values = [function(*args, **named) for args, named in calls]
    except BaseException as error:  # noqa: BLE001 - also SystemExit: the job is to say so
        return failure(error), pickled_exception(error)
    try:
        import cloudpickle

        return {"ok": True}, cloudpickle.dumps(values)
    except Exception as error:  # noqa: BLE001 - whatever a class raises when it is pickled
        return failure(error, "the result of the function cannot be pickled: "), b""


def failure(error: BaseException, what: str = "") -> "dict[str, Any]":
    """Return the header for an exception, with its text and traceback."""
    traceback.print_exception(type(error), error, error.__traceback__)
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    # The first line of the traceback is of this file.
    frames = error.__traceback__.tb_next if error.__traceback__ else None
    lines = "".join(traceback.format_exception(type(error), error, frames))
    return {"ok": False, "text": shortened(what + text), "traceback": shortened(lines)}


def pickled_exception(error: BaseException) -> bytes:
    """Return the pickle of an exception; empty for one that ends programs, or that cannot be read again."""
    if not isinstance(error, Exception):
        return b""
    try:
        import cloudpickle

        data: bytes = cloudpickle.dumps(error)
        pickle.loads(data)  # noqa: S301
    except Exception:  # noqa: BLE001 - many exceptions cannot be read again, each for its own reason
        return b""
    return data


def shortened(text: str) -> str:
    """Return a text without its middle when it is too long."""
    half = MOST_TEXT // 2
    return text if len(text) <= MOST_TEXT else f"{text[:half]}\n...\n{text[-half:]}"


def store(header: "dict[str, Any]", data: bytes) -> str:
    """Write the result as a whole and return its digest."""
    content = json.dumps(header).encode() + b"\n" + data
    with open(f"{RESULT}.part", "wb") as file:
        file.write(content)
    os.replace(f"{RESULT}.part", RESULT)
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[0], sys.argv[1]))
