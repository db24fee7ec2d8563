"""The content of the LGI_* files of a job, from its record."""

from collections.abc import Mapping

from lgi_daemon.rundir.record import JobRecord, Phase
from lgi_protocol import comma_lists
from lgi_protocol.job_directory import HASHED, JOB_CA, JOB_CERTIFICATE, JOB_KEY, SCRIPTS

INVALID = "! INVALID !"
# What no file shows of a record.
_NOT_SHOWN = frozenset({"ending", "end", "remark", "limits_checked", "failed_prologues", "failed_epilogues"})


def contents(record: JobRecord, scripts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the content of each LGI_* file, in the order of the document; LGI_input after the claim only."""
    texts = {
        "LGI_project": record.project,
        "LGI_this_project_server": record.server,
        "LGI_project_master_server": record.master_server,
        "LGI_application": record.application,
        "LGI_target_resources": comma_lists.join(record.target_resources),
        "LGI_job_id": record.job_id,
        "LGI_owners": comma_lists.join(record.owners),
        "LGI_read_access": comma_lists.join(record.read_access),
        "LGI_write_access": comma_lists.join(record.write_access),
        "LGI_job_specifics": record.job_specifics,
        "LGI_state": record.state,
        "LGI_state_time_stamp": record.state_time_stamp,
        "LGI_key_file": record.key_file,
        "LGI_certificate_file": record.certificate_file,
        "LGI_ca_certificate_file": record.ca_file,
        "LGI_max_output_size": str(record.max_output_size),
        "LGI_job_sandbox_uid": str(record.uid),
        "LGI_job_run_script_pid": str(record.run.pid if record.run else 0),
        "LGI_daemon_reference": INVALID if record.disowned else record.reference,
    }
    files = {name: text.encode() for name, text in texts.items()}
    files |= {f"LGI_{name}": scripts[name] for name in SCRIPTS}
    if record.phase is not Phase.CLAIMING:
        files["LGI_input"] = record.input
    own = {JOB_KEY: record.job_key, JOB_CERTIFICATE: record.job_certificate, JOB_CA: record.job_ca}
    credentials = {name: text.encode() for name, text in own.items() if text}
    return {name: files[name] for name in HASHED if name in files} | credentials


def changed_contents(record: JobRecord, before: JobRecord) -> dict[str, bytes]:
    """Return the LGI_* files that a change of the record has changed; its scripts never change."""
    was = vars(before)
    if all(name in _NOT_SHOWN or value == was[name] for name, value in vars(record).items()):
        return {}
    scripts = dict.fromkeys(SCRIPTS, b"")
    known = contents(before, scripts)
    return {name: data for name, data in contents(record, scripts).items() if known.get(name) != data}
