"""The directory of a resource: key, certificates, applications and a commented LGI.cfg."""

import re
import shutil
import sys
from pathlib import Path

from lgi_protocol import xml
from lgi_protocol.value_object import value_object
from lgi_tools.certificates import keys
from lgi_tools.joining import machine_limits
from lgi_tools.joining.client import Joined
from lgi_tools.joining.machine_limits import MachineLimits

KEY, CERTIFICATE, CA, CONFIGURATION, RUN = "resource.key", "resource.crt", "ca.crt", "LGI.cfg", "runhere"
EXAMPLE = "LGI.cfg.example"
# Of the packages, whose unit makes /etc read-only.
_PACKAGED, _PACKAGED_RUN = Path("/etc/lgi/daemon"), Path("/var/lib/lgi/jobs")
_DEFAULT_BACKEND = "./process"

# In a checkout, and where pip puts a package's data files.
_PLACES = (
    Path(__file__).parents[2] / "applications",
    Path(sys.prefix) / "share" / "lgi" / "applications",
)
_APPLICATION = re.compile(r" *<application number='1'>.*?</application>\n", re.DOTALL)
_SETTING = re.compile(r"^(container|images|default_image|max_[a-z]+)=(.*)$", re.MULTILINE)
_PROJECT = re.compile(r" *<project number='1'>.*?</project>\n", re.DOTALL)


@value_object
class ApplicationTemplate:
    """The directory of an application, and the selected script of one with several back-ends."""

    source: Path
    backend: str = ""

    @property
    def example(self) -> str:
        """The application's example configuration."""
        return (self.source / EXAMPLE).read_text("utf-8")

    @property
    def section(self) -> str:
        """The application's part of a configuration, with scripts in a directory of its own."""
        text = _only(_APPLICATION, self.example, self.source)
        if self.backend:
            text = text.replace(f" {_DEFAULT_BACKEND} ", f" ./{self.backend} ")
        return text.replace(" ./", f" ./{self.source.name}/")


def find(text: str) -> ApplicationTemplate:
    """Return the application of a name or directory: ``hello_world``, ``command:slurm``, ``/site/gaussian``.

    Raises ValueError listing the available ones.
    """
    name, _, backend = text.partition(":")
    source = next((place / name for place in (*_PLACES, Path()) if (place / name / EXAMPLE).is_file()), None)
    if source is None or source.resolve().name in {"", ".", ".."}:
        known = sorted({path.parent.name for place in _PLACES for path in place.glob(f"*/{EXAMPLE}")})
        raise ValueError(f"unknown application {name!r}: give {', '.join(known)}, or a directory")
    found = ApplicationTemplate(source.resolve(), backend)
    if backend and (_DEFAULT_BACKEND not in found.example or not (source / backend).is_file()):
        raise ValueError(f"the application {name} has no back-end {backend!r}")
    if not re.fullmatch(r"[\w.+-]+", found.source.name, re.ASCII):
        raise ValueError(f"{found.source.name!r} cannot be the name of an application's directory")
    return found


def check(directory: Path, applications: tuple[ApplicationTemplate, ...]) -> None:
    """Raise FileExistsError or ValueError, before anything is written, when not all can be written."""
    names = [application.source.name for application in applications]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the application {name} is given twice")
    for name in (CONFIGURATION, CERTIFICATE, CA, *names):
        if (directory / name).exists():
            raise FileExistsError(f"{directory / name} already exists: use another --directory, or remove it")


def write_certificates(directory: Path, joined: Joined) -> None:
    """Write the certificates, before anything else, since the token is used up."""
    keys.write_file(directory / CERTIFICATE, joined.certificate.encode(), keys.PUBLIC)
    keys.write_file(directory / CA, joined.ca.encode(), keys.PUBLIC)


def write(directory: Path, joined: Joined, applications: tuple[ApplicationTemplate, ...]) -> Path:
    """Copy the applications, create the run directory and write the configuration. Returns its file."""
    for application in applications:
        shutil.copytree(application.source, directory / application.source.name)
    run_directory = _run_directory(directory)
    # A daemon of root runs each job as a user of its own, who must be able to enter its directory.
    (directory / run_directory).mkdir(mode=0o755, exist_ok=True)
    file = directory / CONFIGURATION
    keys.write_file(file, configuration(joined, applications, run_directory).encode(), keys.PUBLIC)
    return file


def _run_directory(directory: Path) -> str:
    """Return where a daemon keeps its jobs: beside its configuration, but for that of the packages."""
    is_packaged = directory.absolute() == _PACKAGED and _PACKAGED_RUN.is_dir()
    return str(_PACKAGED_RUN) if is_packaged else f"./{RUN}"


def script(directory: Path, application: ApplicationTemplate) -> Path | None:
    """Return the back-end script that an application uses; None for one with scripts of its own."""
    backend = application.backend or ("process" if _DEFAULT_BACKEND in application.example else "")
    return directory / application.source.name / backend if backend else None


def settings(file: Path) -> dict[str, str]:
    """Return the settings of containers and limits in a back-end's script."""
    return dict(_SETTING.findall(file.read_text("utf-8", "replace")))


def configuration(
    joined: Joined, applications: tuple[ApplicationTemplate, ...], run_directory: str = f"./{RUN}"
) -> str:
    """Return the first application's commented example with all projects and applications."""
    first, limits = applications[0], machine_limits.of_this_machine()
    has_queue = not all(machine_limits.is_local(one.backend) for one in applications)
    project = _only(_PROJECT, first.example, first.source)
    sections = "\n".join(
        _section(application, limits if has_queue else None).replace("number='1'", f"number='{number}'", 1)
        for number, application in enumerate(applications, 1)
    )
    inside = _APPLICATION.sub(lambda _: sections, project)
    inside = _with(inside, "number_of_applications", str(len(applications)))
    inside = _with(inside, "project_master_server", joined.server)
    projects = "\n".join(
        _with(inside, "project_name", name).replace("<project number='1'>", f"<project number='{number}'>")
        for number, name in enumerate(joined.projects, 1)
    )
    text = _PROJECT.sub(lambda _: projects, first.example)
    text = text[text.index("<LGI>") :]
    for tag, value in {
        "ca_certificate_file": f"./{CA}",
        "resource_certificate_file": f"./{CERTIFICATE}",
        "resource_key_file": f"./{KEY}",
        "run_directory": run_directory,
        "number_of_projects": str(len(joined.projects)),
    }.items():
        text = _with(text, tag, value)
    text = machine_limits.raised(text, limits, has_queue)
    if not has_queue:
        text = machine_limits.with_gpus(machine_limits.bounded(text, limits), limits)
    return (
        f"<!-- The resource {xml.escape(joined.name).replace('--', '- -')}, written by LGI_join.\n"
        "     Relative paths start at the directory of this file. All tags are required unless a comment\n"
        "     says otherwise. After a change: LGI_daemon --check LGI.cfg, then SIGHUP to the daemon. -->\n"
        f"{text}"
    )


def _section(application: ApplicationTemplate, limits: MachineLimits | None) -> str:
    """Return the section of an application; beside a batch system only plain processes are bounded."""
    if limits is None or not machine_limits.is_local(application.backend):
        return application.section
    return machine_limits.bounded(application.section, limits)


def _with(text: str, tag: str, value: str) -> str:
    return re.sub(f"<{tag}>[^<]*</{tag}>", lambda _: f"<{tag}> {xml.escape(value)} </{tag}>", text)


def _only(pattern: re.Pattern[str], text: str, source: Path) -> str:
    found = pattern.findall(text)
    if len(found) != 1:
        raise ValueError(f"{source / EXAMPLE} must have exactly one project and one application")
    return str(found[0])
