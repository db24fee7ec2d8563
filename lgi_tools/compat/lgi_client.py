"""LGI_Client: the Python class of LGI's document, with its names and answers; see `lgi_tools.Project`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from lgi_protocol import hexcode
from lgi_protocol.client import Client
from lgi_protocol.errors import ServerError, TransportError
from lgi_tools.client import settings
from lgi_tools.client.interface_calls import SUBMIT, Caller
from lgi_tools.client.repository import Repository
from lgi_tools.compat import xml_dictionary
from lgi_tools.compat.xml_dictionary import Dictionary

_ARGUMENTS = {
    "server": "URL",
    "user": "User",
    "groups": "Groups",
    "certificate": "Certificate",
    "key": "PrivateKey",
    "ca": "CA_Chain",
}


class LGI_Client:
    """A project server, or the repository of a URL, over persistent connections.

    Answers, also errors, are returned as dictionaries: ``answer['LGI']['response']['job']``, or
    ``answer['LGI']['response']['error']['number']``. An element with attributes, as a job of a list, is
    ``{'attributes': {'number': 1}, 'job': {...}}``. Raises TransportError without an answer of LGI,
    TransferError for a file, ValueError for a missing or invalid setting, OSError for local files.
    """

    def __init__(
        self,
        URL: str = "",
        Project: str = "",
        User: str = "",
        Groups: str = "",
        Certificate: str | Path = "",
        PrivateKey: str | Path = "",
        CA_Chain: str | Path = "",
        CheckHost: bool = True,
    ) -> None:
        """Connect with the arguments and defaults of ``~/.LGI``. CheckHost (ours): verify the host."""
        files = {"key": PrivateKey, "certificate": Certificate, "ca": CA_Chain}
        caller = {"server": URL, "project": Project, "user": User, "groups": Groups}
        self._settings = settings.with_defaults(CheckHost, **files, **caller)
        settings.require_arguments(self._settings, _ARGUMENTS, "server", *self._settings.proofs)
        self.URL = self._settings.server
        self._client = Client(self.URL, self._settings.credentials())
        self._caller = Caller(self._client, self._settings)

    def SubmitJob(
        self,
        Application: str,
        TargetResources: str = "any",
        Input: str | bytes = b"",
        JobSpecifics: str = "",
        WriteAccess: str = "",
        ReadAccess: str = "",
        FileList: Iterable[str | Path] = (),
    ) -> Dictionary:
        """Queue a job, its files streamed into its repository."""
        data = Input.encode() if isinstance(Input, str) else Input
        fields = {"application": Application, "target_resources": TargetResources}
        optional = {
            "job_specifics": JobSpecifics,
            "input": hexcode.encode(data),
            "read_access": ReadAccess,
            "write_access": WriteAccess,
        }
        fields |= {name: text for name, text in optional.items() if text}
        return self._call(SUBMIT, fields, _paths(FileList))

    def GetJobState(self, JobId: int | str) -> Dictionary:
        """Return all data of one job."""
        return self._call("job_state", {"job_id": str(JobId)})

    def GetJobList(
        self, Application: str = "", State: str = "", Start: int | str = "", Limit: int | str = ""
    ) -> Dictionary:
        """Return a page of the jobs the user may read; ``State = '!finished'`` selects all others."""
        fields = {"state": State, "application": Application, "start": str(Start), "limit": str(Limit)}
        return self._call("job_state", {name: text for name, text in fields.items() if text})

    def DeleteJob(self, JobId: int | str) -> Dictionary:
        """Delete a job, or abort a running one."""
        return self._call("delete_job", {"job_id": str(JobId)})

    def GetResourceList(self) -> Dictionary:
        """Return the project's resources."""
        return self._call("project_resource_list", {})

    def GetServerList(self) -> Dictionary:
        """Return the project's servers."""
        return self._call("project_server_list", {})

    def ListRepository(self) -> Dictionary:
        """Return the files: ``answer['repository_content']['file']``, each with its attributes."""
        return {"repository_content": xml_dictionary.read(self._repository().content())}

    def DownloadFiles(self, FileList: Iterable[str | Path], Directory: str | Path = ".") -> None:
        """Fetch files into a directory; each is replaced when its transfer is complete."""
        repository = self._repository()
        for path in _paths(FileList):
            repository.download(path.name, Path(Directory, path.name))

    def UploadFiles(self, FileList: Iterable[str | Path]) -> None:
        """Store files, each under the last part of its path."""
        repository = self._repository()
        for path in _paths(FileList):
            repository.upload(path.name, path)

    # As LGI: these were the spellings before the document's.
    UpLoadFiles = UploadFiles
    DownLoadFiles = DownloadFiles

    def DeleteFiles(self, FileList: Iterable[str | Path]) -> None:
        """Delete files."""
        repository = self._repository()
        for path in _paths(FileList):
            repository.delete(str(path))

    def Close(self) -> None:
        """Close the connections (ours); a ``with`` block does so too."""
        self._client.close()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.Close()

    def _repository(self) -> Repository:
        return Repository(self.URL, self._client.session)

    def _call(self, name: str, fields: Mapping[str, str], files: tuple[Path, ...] = ()) -> Dictionary:
        settings.require_arguments(self._settings, _ARGUMENTS, "user", "groups")
        try:
            envelope = self._caller.call(name, fields, files).envelope
        except ServerError as refused:
            # As LGI: an error is returned, not raised.
            envelope = refused.envelope
        try:
            return {"LGI": xml_dictionary.read(envelope)}
        except ValueError as error:
            raise TransportError(self.URL, str(error)) from None


def _paths(names: Iterable[str | Path]) -> tuple[Path, ...]:
    """Return the paths of a list. Raises TypeError for a text, which would be read as a list of letters."""
    if isinstance(names, str | Path):
        raise TypeError(f"FileList has to be a list of file names, as [{str(names)!r}]")
    return tuple(Path(name) for name in names)
