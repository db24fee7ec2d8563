"""The output of ``--check``: what the daemon would do with a configuration."""

import os
from collections.abc import Iterator
from dataclasses import asdict

from lgi_daemon.config.model import ApplicationSettings, Configuration
from lgi_daemon.config.rules import LimitRules
from lgi_daemon.execution import job_scope, process_hiding
from lgi_protocol import comma_lists


def plan(configuration: Configuration, fast: int, slow: int) -> str:
    """Return the configuration in plain lines; of keys and certificates only the paths."""
    return "\n".join(_lines(configuration, fast, slow))


def _lines(configuration: Configuration, fast: int, slow: int) -> Iterator[str]:
    credentials = configuration.credentials
    yield f"{configuration.file} is good"
    yield f"certificate {credentials.certificate}"
    yield f"key {credentials.key}"
    yield f"servers must be certified by {credentials.ca}"
    yield f"jobs live in {configuration.run_directory}"
    uids = configuration.sandbox_uids
    yield f"under root each job has a uid of its own from {uids.start} to {uids.stop - 1}"
    if os.geteuid() != 0:
        yield (
            f"WARNING: here jobs run as uid {os.geteuid()}: an application that runs what users send, as "
            f"'command', lets each of them read all that this account can read, {credentials.key} too"
        )
    visible = process_hiding.problem()
    yield f"jobs see the processes of others: {visible}" if visible else "jobs see their own processes only"
    adding = job_scope.problem()
    way = f"adding up the memory of processes: {adding}" if adding else "the kernel, in cgroups"
    yield f"job_max_memory is enforced by {way}"
    yield f"work is asked for every {slow} s, jobs are checked every {fast} s"
    yield f"the resource takes {_rules(configuration.rules)}"
    if configuration.gpus:
        yield f"jobs may request {len(configuration.gpus)} GPUs: {comma_lists.join(configuration.gpus)}"
    if configuration.attach:
        yield "owners of running jobs may attach to them (LGI_attach)"
    if configuration.load_limit:
        yield f"no work is asked for while the load is above {configuration.load_limit}"
    for project in configuration.projects:
        yield f"project {project.name} at {project.master_server} takes {_rules(project.rules)}"
        for application in project.applications:
            yield f"  application {application.name} takes {_rules(application.rules)}"
            yield f"    output up to {application.max_output_size} bytes, {_user(application)}"
            yield f"    each job: {_limits(application)}"
            if application.shared_directories:
                places = comma_lists.join(application.shared_directories)
                yield f"    jobs submitted with --here may run in and below {places}"
            yield f"    {application.check_system_limits_script}"
            yield from (f"    {path}" for path in application.scripts.values())
            if application.capabilities_script:
                yield f"    {application.capabilities_script} says more of what it can"


def _rules(rules: LimitRules) -> str:
    allowed = [f"{count} of {owner}" for owner, count in rules.owner_allow.items()]
    text = f"{rules.job_limit} jobs at most{_bounds(rules)}"
    text = f"{text}; allowed: {comma_lists.join(allowed) or 'as the other levels say'}"
    return f"{text}; denied: {comma_lists.join(rules.owner_deny)}" if rules.owner_deny else text


def _bounds(rules: LimitRules) -> str:
    cores = f", {rules.cpu_limit} cores together" if rules.cpu_limit else ""
    return cores + (f", {rules.memory_limit} MB together" if rules.memory_limit else "")


def _limits(application: ApplicationSettings) -> str:
    values = asdict(application.limits).items()
    limits = [f"{name} at most {value}" for name, value in values if value is not None]
    bounds = asdict(application.bounds).items()
    limits += [f"{name} together at most {value} MB" for name, value in bounds if value]
    return comma_lists.join(limits) or "no resource limits"


def _user(application: ApplicationSettings) -> str:
    if application.sandbox_uid:
        return f"run as uid {application.sandbox_uid}"
    return "run as the daemon's user, under root as a uid of the job's own"
