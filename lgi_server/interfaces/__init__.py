"""The calls of users: one endpoint per URL below /interfaces (wire.md 7)."""

from lgi_server.api.context import InterfaceContext
from lgi_server.api.registry import Route
from lgi_server.interfaces import (
    arrays,
    attach,
    explain,
    fetched_results,
    history,
    holds,
    jobs,
    output,
    priorities,
    project,
    sharing,
    submit,
    tokens,
)

ROUTES = (
    Route(submit.interface_submit_job, InterfaceContext, takes_files=True),
    Route(submit.interface_submit_jobs, InterfaceContext, takes_files=True, bulk=True),
    Route(submit.interface_resubmit_jobs, InterfaceContext),
    Route(jobs.interface_job_state, InterfaceContext, writes=False),
    Route(arrays.interface_job_arrays, InterfaceContext, writes=False),
    Route(arrays.interface_job_progress, InterfaceContext, writes=False),
    Route(jobs.interface_delete_job, InterfaceContext),
    Route(jobs.interface_delete_jobs, InterfaceContext),
    Route(holds.interface_hold_jobs, InterfaceContext),
    Route(holds.interface_release_jobs, InterfaceContext),
    Route(sharing.interface_share_jobs, InterfaceContext),
    Route(priorities.interface_prioritize_jobs, InterfaceContext),
    Route(fetched_results.interface_confirm_results, InterfaceContext),
    Route(output.interface_job_tail, InterfaceContext, writes=False),
    Route(attach.interface_attach_job, InterfaceContext, token_scopes=()),
    Route(attach.interface_attach_stream, InterfaceContext, is_repeatable=True, token_scopes=()),
    Route(explain.interface_explain_job, InterfaceContext, writes=False),
    Route(history.interface_job_history, InterfaceContext, writes=False),
    Route(history.interface_usage, InterfaceContext, writes=False),
    Route(project.interface_project_server_list, InterfaceContext, writes=False),
    Route(project.interface_project_resource_list, InterfaceContext, writes=False),
    Route(tokens.interface_create_token, InterfaceContext, token_scopes=()),
    Route(tokens.interface_list_tokens, InterfaceContext, writes=False, token_scopes=()),
    Route(tokens.interface_revoke_tokens, InterfaceContext, token_scopes=()),
)
