"""The daemon's configuration, read and checked completely before any server is contacted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lgi_daemon.config import tags
from lgi_daemon.config.application_capabilities import capabilities_script, capabilities_text, max_gpus
from lgi_daemon.config.rules import LimitRules
from lgi_daemon.config.sandbox import check_sandbox, job_bounds, resource_limits, sandbox_uids
from lgi_daemon.config.section import ConfigurationError, Section, folder_problem, read_root
from lgi_daemon.config.shared_directories import shared_directories
from lgi_daemon.execution.bounds import JobBounds
from lgi_daemon.execution.rlimits import ResourceLimits
from lgi_daemon.execution.sandbox import HIGHEST_UID, UIDS
from lgi_protocol import comma_lists, common_name, gpu_devices, whole_number, xml
from lgi_protocol.credentials import Credentials
from lgi_protocol.job_directory import SCRIPTS

# Project servers refuse short texts of 255 bytes.
_NAME_BYTES = 254


@dataclass(frozen=True)
class ApplicationSettings:
    """The settings of one application. ``scripts`` are copied for each job."""

    name: str
    rules: LimitRules
    max_output_size: int
    sandbox_uid: int
    check_system_limits_script: Path
    scripts: Mapping[str, Path]
    capabilities: str
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    bounds: JobBounds = field(default_factory=JobBounds)
    # Jobs that were submitted in or below these may run there.
    shared_directories: tuple[str, ...] = ()
    # Run with the argument "capabilities"; its output is added to ``capabilities``.
    capabilities_script: Path | None = None


@dataclass(frozen=True)
class ProjectSettings:
    """A project this resource runs jobs for, with the URL of its master server."""

    name: str
    master_server: str
    rules: LimitRules
    applications: tuple[ApplicationSettings, ...]

    @property
    def capabilities(self) -> str:
        """The capabilities for a sign-up, without the output of scripts."""
        return self.capabilities_with({})

    def capabilities_with(self, outputs: Mapping[str, str]) -> str:
        """Return the capabilities with the outputs of scripts, by the names of their applications."""
        elements = ""
        for one in self.applications:
            text = f"{one.capabilities} {outputs.get(one.name, '')}".strip()
            elements += f"<{one.name}> {xml.escape(text)} </{one.name}> "
        return elements


@dataclass(frozen=True)
class Configuration:
    """The configuration file; all files named in it were readable when it was read."""

    file: Path
    credentials: Credentials
    run_directory: Path
    rules: LimitRules
    projects: tuple[ProjectSettings, ...]
    # Root gives each job one of these, unless its application has a uid of its own.
    sandbox_uids: range = UIDS
    # The load of the machine above which no jobs are asked for; 0 means no limit.
    load_limit: int = 0
    # The GPUs that jobs may request, by the names that CUDA_VISIBLE_DEVICES takes.
    gpus: tuple[str, ...] = ()
    # Owners of jobs may attach to them (LGI_attach).
    attach: bool = False


def load(
    file: Path, as_root: bool, check_host: bool = True, run_directory: Path | None = None
) -> Configuration:
    """Read and check the configuration. ``run_directory`` stands in for the one that it names.

    Raise ConfigurationError, in one line: of each fault the tag, the value and what to do.
    """
    root = read_root(file)
    problems = []
    try:
        configuration = _configuration(file, root, as_root, check_host, run_directory)
    except ConfigurationError as error:
        problems = [str(error)]
    # A tag that is missing may be misspelt, or on another level: both are said.
    problems += tags.faults(root)
    if problems:
        raise ConfigurationError("; ".join(problems))
    return configuration


def _configuration(
    file: Path, root: Section, as_root: bool, check_host: bool, given_directory: Path | None
) -> Configuration:
    resource = root.section("resource")
    credentials = Credentials(
        key=resource.file("resource_key_file"),
        certificate=resource.file("resource_certificate_file"),
        ca=root.file("ca_certificate_file"),
        check_host=check_host,
    )
    try:
        credentials.context()
    except ValueError as error:
        raise ConfigurationError(f"{resource.path}: {error}") from None
    run_directory = _run_directory(resource, given_directory)
    if as_root:
        check_sandbox(resource, run_directory)
    gpus = _gpus(resource)
    projects = tuple(
        _project(one, as_root, len(gpus)) for one in resource.numbered("project", "number_of_projects")
    )
    _check_distinct(resource, [project.name for project in projects], "project_name")
    rules = replace(_rules(resource), gpus=len(gpus))
    uids = sandbox_uids(resource, rules.job_limit)
    load_limit = resource.optional_number("load_limit")
    attach = resource.optional_choice("attach")
    return Configuration(
        file.absolute(), credentials, run_directory, rules, projects, uids, load_limit, gpus, attach
    )


def _run_directory(resource: Section, given: Path | None) -> Path:
    if given is None:
        return resource.folder("run_directory")
    problem = folder_problem(given)
    if problem:
        raise ConfigurationError(f"--run-directory: the directory {given} {problem}")
    return given.resolve()


def _gpus(resource: Section) -> tuple[str, ...]:
    try:
        return gpu_devices.read(resource.optional("gpus"))
    except ValueError as error:
        raise ConfigurationError(f"{resource.path}/gpus: {error}") from None


def _rules(section: Section) -> LimitRules:
    return LimitRules(
        _owner_allow(section),
        comma_lists.split(section.optional("owner_deny")),
        section.number("job_limit"),
        cpu_limit=section.optional_number("cpu_limit"),
        memory_limit=section.optional_number("memory_limit"),
    )


def _owner_allow(section: Section) -> dict[str, int]:
    """Return the number of jobs of each owner that ``owner_allow`` names."""
    allow: dict[str, int] = {}
    path, at = f"{section.path}/owner_allow", 0
    found = xml.find(section.content, "owner_allow")
    text, outside = found.inside if found else "", ""
    for one in xml.elements(text):
        number = whole_number.read(one.text)
        if number is None:
            raise ConfigurationError(f"{path}/{one.name} is {one.text[:40]!r}: it must be a number of jobs")
        if one.name in allow:
            raise ConfigurationError(f"{path}/{one.name} occurs twice: keep one of them")
        allow[one.name] = number
        outside, at = outside + text[at : one.begin], one.end
    if outside := (outside + text[at:]).strip():
        raise ConfigurationError(f"{path} has {outside!r}, which is no <OWNER> NUMBER </OWNER>: correct it")
    return allow


def _project(section: Section, as_root: bool, gpus: int) -> ProjectSettings:
    server = section.value("project_master_server").rstrip("/")
    if not re.fullmatch(r"https://[^\s/]+(/\S*)?", server):
        raise ConfigurationError(
            f"{section.path}/project_master_server is {server!r}: it must be a URL as https://host/LGI"
        )
    applications = tuple(
        _application(one, as_root, gpus) for one in section.numbered("application", "number_of_applications")
    )
    _check_distinct(section, [application.name for application in applications], "application_name")
    project = ProjectSettings(_project_name(section), server, _rules(section), applications)
    size = len(project.capabilities.encode())
    if size >= xml.MAX_FIELD_SIZE:
        raise ConfigurationError(
            f"{section.path}: the capabilities of its applications are {size} bytes together and a server "
            f"takes {xml.MAX_FIELD_SIZE - 1}: shorten them"
        )
    return project


def _project_name(section: Section) -> str:
    """Return the name of a project, which must be valid as the name of a directory."""
    name = section.value("project_name")
    too_long = len(name.encode()) > _NAME_BYTES
    if "/" in name or name.startswith(".") or too_long or common_name.has_control(name):
        raise ConfigurationError(
            f"{section.path}/project_name is {name!r}: it must have no '/', no '.' in front and "
            f"at most {_NAME_BYTES} bytes"
        )
    return name


def _application(section: Section, as_root: bool, gpus: int) -> ApplicationSettings:
    name = section.value("application_name")
    if not xml.is_name(name) or len(name) > _NAME_BYTES:
        raise ConfigurationError(
            f"{section.path}/application_name is {name!r}: it must be letters, digits, '_', '-' and '.', "
            "a letter or '_' in front"
        )
    uid = section.optional_number("job_sandbox_uid", most=HIGHEST_UID)
    if uid and not as_root:
        raise ConfigurationError(
            f"{section.path}/job_sandbox_uid is {uid}, but only root can run jobs as another user: "
            "remove the tag or start the daemon as root"
        )
    return ApplicationSettings(
        name=name,
        rules=_rules(section),
        max_output_size=section.number("max_output_size"),
        sandbox_uid=uid,
        check_system_limits_script=section.script("check_system_limits_script", executable=True),
        scripts={script: section.script(script) for script in SCRIPTS},
        capabilities=f"{capabilities_text(section)}{max_gpus(gpus)}",
        limits=resource_limits(section, as_root, shares_uid=bool(uid)),
        bounds=job_bounds(section),
        shared_directories=shared_directories(section),
        capabilities_script=capabilities_script(section),
    )


def _check_distinct(section: Section, names: list[str], tag: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{section.path}: the {tag} {name!r} occurs twice: keep one of them")
