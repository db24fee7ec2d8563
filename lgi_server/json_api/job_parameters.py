"""The parameters of jobs: filters of lists, and what a new job has."""

from lgi_protocol.job_end import Result
from lgi_protocol.states import State
from lgi_server.api import fields
from lgi_server.json_api.parameter import Kind, Parameter

NUMBER = Parameter(fields.JOB_ID, "The number of the job.", Kind.INTEGER)
FILTERS = (
    Parameter(fields.LISTED_STATE, f"A state: {', '.join(State)}; !finished means all others."),
    Parameter(fields.LISTED_APPLICATION, "An application; !name means all others."),
    Parameter(fields.ENDED, "How jobs have ended.", words=(*Result, "any")),
    Parameter(fields.JOB_NAME, "A name.", name="name"),
    Parameter(fields.LABELS, "Labels key=value, comma-separated, which the jobs all have.", Kind.LINES),
    Parameter(fields.OWNER, "A user or group that owns the jobs."),
    Parameter(fields.RESOURCE, "The resource on which jobs run or ran."),
    Parameter(fields.SINCE, "The earliest last change of the state, in seconds since 1970.", Kind.INTEGER),
    Parameter(fields.JOB_IDS, "Numbers and ranges, as 3,12-40."),
    Parameter(fields.HELD, "Whether only jobs are listed that something holds.", Kind.BOOLEAN),
    Parameter(fields.ARRAY_ID, "An array, as 7, or some of its elements, as 7[1-3,9]."),
)
PAGE = (
    Parameter(fields.CURSOR, "The next of the page before."),
    Parameter(fields.LIMIT, "The most jobs of a page, up to 1024 (default: 128).", Kind.INTEGER, least=1),
)
WAIT = Parameter(fields.WAIT, "For how many seconds the answer may wait for a change.", Kind.INTEGER)
# What a new job may have.
JOB = (
    Parameter(fields.APPLICATION, "The application.", required=True),
    Parameter(fields.TARGETS, "The resources that may run it (default: any).", Kind.NAMES),
    Parameter(fields.INPUT, "Its input, as text.", Kind.DATA),
    Parameter(fields.SPECIFICS, "What the application reads, as elements of XML."),
    Parameter(fields.JOB_NAME, "Its name.", name="name"),
    Parameter(fields.LABELS, "Its labels, each key=value.", Kind.LINES),
    Parameter(fields.NOT_ON, "Resources that are not to get it.", Kind.NAMES),
    Parameter(fields.READ_ACCESS, "Users and groups that may read it.", Kind.NAMES),
    Parameter(fields.WRITE_ACCESS, "Users and groups that may change and delete it.", Kind.NAMES),
    Parameter(fields.HOLD, "Whether it is held until it is released.", Kind.BOOLEAN),
    Parameter(fields.AFTER, "Numbers of jobs that must have succeeded before.", Kind.NAMES),
    Parameter(fields.AFTER_ANY, "Numbers of jobs that must have ended before.", Kind.NAMES),
    Parameter(fields.KEEP, "Whether it stays when a job before it fails.", Kind.BOOLEAN),
    Parameter(fields.RETRIES, "How often it is tried again when it fails.", Kind.INTEGER),
    Parameter(fields.RETRY_ON, "After which ends, as exit:75,lost."),
    Parameter(fields.BACKOFF_WAIT, "Seconds before the first try again.", Kind.INTEGER),
    Parameter(fields.PRIORITY, "From -100 to 100, among your own jobs.", Kind.INTEGER, least=-100),
    Parameter(fields.DEADLINE, "When you need it, in seconds since 1970.", Kind.INTEGER),
    Parameter(fields.URGENT, "Whether it comes before all others.", Kind.BOOLEAN),
    Parameter(fields.NOTIFY, "Of which events you are told: some of start, end, fail.", Kind.NAMES),
    Parameter(fields.MAIL, "Where you are told by mail (default: your own address, without a webhook)."),
    Parameter(fields.WEBHOOK, "The address of a webhook by which you are told."),
)
IDS = Parameter(fields.JOB_IDS, "Numbers of jobs, and ranges as 12-40.", Kind.NAMES, required=True)
