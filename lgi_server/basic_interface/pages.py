"""The pages of a project: addresses below that of the project, and functions."""

from lgi_server.basic_interface import (
    admin,
    array,
    bulk_actions,
    certificate,
    group_choice,
    home,
    job,
    job_actions,
    job_holds,
    job_list,
    job_removal,
    project,
    submit,
    usage,
)
from lgi_server.basic_interface.registry import Page

_JOB = "jobs/<job_number:job_id>"
PAGES = (
    Page("", home.menu),
    Page("jobs", job_list.job_list),
    Page("arrays/<job_number:array_id>", array.job_array),
    Page("jobs/chosen", bulk_actions.act, changes=True),
    Page(_JOB, job.job),
    Page(f"{_JOB}/input", job.job_input),
    Page(f"{_JOB}/output", job.job_output),
    Page(f"{_JOB}/delete", job_removal.ask_to_delete),
    Page(f"{_JOB}/delete", job_removal.delete_job, changes=True),
    Page(f"{_JOB}/hold", job_holds.hold_job, changes=True),
    Page(f"{_JOB}/release", job_holds.release_job, changes=True),
    Page(f"{_JOB}/files", job_actions.add_files, changes=True, takes_files=True),
    Page(f"{_JOB}/files/delete", job_actions.ask_to_delete_file),
    Page(f"{_JOB}/files/delete", job_actions.delete_file, changes=True),
    Page("submit", submit.submit_form),
    Page("submit", submit.submit_job, changes=True, takes_files=True, refused=submit.form_again),
    Page("resources", project.resources),
    Page("servers", project.servers),
    Page("usage", usage.show_usage),
    Page("certificate", certificate.certificate),
    Page("groups", group_choice.choose_groups, changes=True),
    Page("administration", admin.administration),
)
