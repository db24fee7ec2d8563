-- One project's database: the tables of the LGI document as it has them, and those of ours at the end.
-- Read by MariaDB and by SQLite: what stands in /*! ... */ is for MariaDB alone, in /*~ ... */ for SQLite alone, and
-- AUTO_INCREMENT becomes AUTOINCREMENT for SQLite. Statements end in a semicolon at the end of a line.

-- Every job of the project. repository is ours: where the job's files are, which LGI 1.31 kept as text
-- inside job_specifics. So is licences: what a job wants of them while it runs, as 'abaqus=1 matlab=2'; and how a job
-- ended: NULL is not known, or no signal; and what it used, memory and disk in bytes; and daemon_reference: the reference
-- under which resource_exchange has given out the job, as long as the job has it; and job_name and labels, a line key=value each; and when the job was submitted
-- and last started: NULL is not known, or not yet; and the array of a job that is an element of one, and its index there;
-- and user_priority, which orders the queued jobs of one user: LGI_scheduler derives their priority from it;
-- and deadline, in seconds: as it comes nearer, LGI_scheduler raises user_priority; and of an urgent job, which has a priority
-- before all others, the group by whose right it is one; and when somebody last fetched all results of the job, and who;
-- and has_notifications, 1 when its user is to be told of its start or end.
-- The last four columns the database makes itself: whom a queued job is for, a comma for more than one; its user;
-- how long licences is, which tells most wishes apart where the whole text is too long for a key; and of an element the
-- state, or succeeded, failed or unknown when it has ended: the progress of an array is one range of an index, in which
-- other jobs change nothing.
-- MariaDB merges pages of its indexes that are nearly empty, not half empty: those are filled again soon (upgrade 26).
CREATE TABLE job_queue (
    job_id            INTEGER      NOT NULL PRIMARY KEY AUTO_INCREMENT,
    state             VARCHAR(255) NOT NULL,
    application       VARCHAR(255) NOT NULL,
    owners            VARCHAR(255) NOT NULL,
    read_access       VARCHAR(255) NOT NULL,
    write_access      VARCHAR(255) NOT NULL,
    target_resources  VARCHAR(255) NOT NULL,
    input             MEDIUMBLOB   NOT NULL,
    output            MEDIUMBLOB   NOT NULL,
    job_specifics     MEDIUMTEXT   NOT NULL,
    lock_state        INTEGER      NOT NULL DEFAULT 0,
    state_time_stamp  BIGINT       NOT NULL,
    daemon_pulse      BIGINT       NOT NULL DEFAULT 0,
    priority          BIGINT       NOT NULL,
    repository        VARCHAR(255) NOT NULL,
    licences          VARCHAR(180) NOT NULL DEFAULT '',
    exit_code         SMALLINT     NULL,
    exit_signal       SMALLINT     NULL,
    end_reason        VARCHAR(254) NOT NULL DEFAULT '',
    cpu_milliseconds  BIGINT       NULL,
    peak_memory       BIGINT       NULL,
    disk_used         BIGINT       NULL,
    daemon_reference  VARCHAR(32)  NULL,
    job_name          VARCHAR(100) NOT NULL DEFAULT '',
    labels            VARCHAR(2200) NOT NULL DEFAULT '',
    submitted         BIGINT       NULL,
    started           BIGINT       NULL,
    has_dependents    SMALLINT     NOT NULL DEFAULT 0,
    retries           SMALLINT     NOT NULL DEFAULT 0,
    tried             SMALLINT     NOT NULL DEFAULT 0,
    array_id          INTEGER      NULL,
    array_index       INTEGER      NULL,
    user_priority     SMALLINT     NOT NULL DEFAULT 0,
    deadline          BIGINT       NULL,
    urgent_group      VARCHAR(254) NOT NULL DEFAULT '',
    fetched           BIGINT       NULL,
    fetched_by        VARCHAR(254) NOT NULL DEFAULT '',
    has_notifications SMALLINT     NOT NULL DEFAULT 0,
    queued_for        VARCHAR(255) GENERATED ALWAYS AS (CASE WHEN state = 'queued' THEN
        CASE WHEN INSTR(target_resources, ',') > 0 THEN ',' ELSE target_resources END END) STORED,
    queued_by         VARCHAR(254) GENERATED ALWAYS AS (CASE WHEN state = 'queued' THEN
        CASE WHEN INSTR(owners, ',') > 0 THEN SUBSTR(owners, 1, INSTR(owners, ',') - 1) ELSE owners END END) STORED,
    queued_wish       SMALLINT     GENERATED ALWAYS AS (CASE WHEN state = 'queued' THEN LENGTH(licences) END) STORED,
    element_state     VARCHAR(255) GENERATED ALWAYS AS (CASE WHEN array_id IS NULL THEN NULL
        WHEN state = 'aborted' THEN 'failed' WHEN state <> 'finished' THEN state
        WHEN exit_signal IS NOT NULL OR exit_code <> 0 THEN 'failed'
        WHEN exit_code = 0 THEN 'succeeded' ELSE 'unknown' END) /*! STORED */ /*~ VIRTUAL */
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin COMMENT='MERGE_THRESHOLD=15' */;
CREATE INDEX job_offers ON job_queue (application, state, lock_state, licences, priority, job_id);
CREATE INDEX job_target ON job_queue (application, queued_for, lock_state, licences, priority, job_id);
CREATE INDEX job_share ON job_queue (application, queued_for, queued_by, queued_wish, user_priority, priority, job_id);
CREATE INDEX job_order ON job_queue (state_time_stamp, job_id);
CREATE INDEX job_by_target ON job_queue (target_resources, state_time_stamp, job_id);
CREATE INDEX job_by_owner ON job_queue (owners, state_time_stamp, job_id);
CREATE INDEX job_deadline ON job_queue (deadline) /*~ WHERE deadline IS NOT NULL */;
CREATE INDEX job_repository ON job_queue (repository);
CREATE UNIQUE INDEX job_reference ON job_queue (daemon_reference) /*~ WHERE daemon_reference IS NOT NULL */;
CREATE UNIQUE INDEX job_element ON job_queue (array_id, array_index) /*~ WHERE array_id IS NOT NULL */;
CREATE INDEX job_progress ON job_queue (array_id, element_state, array_index) /*~ WHERE array_id IS NOT NULL */;

-- Who has a job locked: a resource in one of its sessions, or an interface as (-1, 0).
CREATE TABLE running_locks (
    lock_id      INTEGER NOT NULL PRIMARY KEY AUTO_INCREMENT,
    job_id       INTEGER NOT NULL,
    resource_id  INTEGER NOT NULL,
    lock_time    BIGINT  NOT NULL,
    session_id   INTEGER NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE UNIQUE INDEX lock_job ON running_locks (job_id);
CREATE INDEX lock_session ON running_locks (session_id);

-- Ours: what keeps a queued job from being given out. A job that is queued, not locked, and has a row here has lock_state 2;
-- a job with lock_state 2 costs a claim nothing. reason is user, after (other jobs), retry or array; until is in Unix seconds,
-- NULL for a hold without an end. held_by is "user NAME", "job NUMBER" or "scheduler".
CREATE TABLE job_holds (
    job_id   INTEGER      NOT NULL,
    reason   VARCHAR(8)   NOT NULL,
    since    BIGINT       NOT NULL,
    until    BIGINT       NULL,
    held_by  VARCHAR(254) NOT NULL DEFAULT '',
    text     VARCHAR(254) NOT NULL DEFAULT '',
    PRIMARY KEY (job_id, reason)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX hold_until ON job_holds (until);

-- Ours: job_id waits for the end of after_id. kind ok: it must have succeeded, any: ended in whatever way. kept 1: should it
-- fail, job_id is held for its users instead of being aborted. The rows go with the end; after_id is always the lower number.
CREATE TABLE job_dependencies (
    job_id    INTEGER    NOT NULL,
    after_id  INTEGER    NOT NULL,
    kind      VARCHAR(3) NOT NULL,
    kept      SMALLINT   NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, after_id)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX dependency_after ON job_dependencies (after_id, job_id);

-- Ours: of jobs with retries above 0 (how often a job is tried again, of which it was tried times already): after which
-- ends (empty: any failure), and after how many seconds at first. job_tries has the tries that were followed by others.
CREATE TABLE job_retries (
    job_id    INTEGER      NOT NULL PRIMARY KEY,
    retry_on  VARCHAR(254) NOT NULL,
    backoff   INTEGER      NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE TABLE job_tries (
    job_id       INTEGER         NOT NULL,
    number       INTEGER         NOT NULL,
    started      BIGINT          NULL,
    ended        BIGINT          NOT NULL,
    state        VARCHAR(255)    NOT NULL,
    exit_code    SMALLINT        NULL,
    exit_signal  SMALLINT        NULL,
    end_reason   VARCHAR(254)    NOT NULL,
    resource     VARCHAR(255)    NOT NULL,
    output       VARBINARY(1024) NOT NULL,
    cpu_milliseconds BIGINT      NULL,
    peak_memory  BIGINT          NULL,
    disk_used    BIGINT          NULL,
    PRIMARY KEY (job_id, number)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Resources and project servers (project_server 1 is the master, 2 a slave). The last two columns are ours: since when a
-- resource is drained, 0 for one that is not, and why.
CREATE TABLE active_resources (
    resource_id            INTEGER      NOT NULL PRIMARY KEY AUTO_INCREMENT,
    resource_name          VARCHAR(255) NOT NULL,
    resource_capabilities  MEDIUMTEXT   NOT NULL,
    client_certificate     MEDIUMTEXT   NOT NULL,
    last_call_time         BIGINT       NOT NULL DEFAULT 0,
    project_server         INTEGER      NOT NULL DEFAULT 0,
    url                    VARCHAR(255) NOT NULL,
    drained_since          BIGINT       NOT NULL DEFAULT 0,
    drain_reason           VARCHAR(254) NOT NULL DEFAULT ''
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE UNIQUE INDEX resource_by_name ON active_resources (resource_name);
CREATE INDEX resource_by_role ON active_resources (project_server);

CREATE TABLE running_sessions (
    session_id          INTEGER NOT NULL PRIMARY KEY AUTO_INCREMENT,
    resource_id         INTEGER NOT NULL,
    session_time_stamp  BIGINT  NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX session_resource ON running_sessions (resource_id);
CREATE INDEX session_age ON running_sessions (session_time_stamp);

-- Ours: the daemons that sign up as a resource, by the number that each has in its run directory, and when each did
-- last: two with one certificate are told of each other.
CREATE TABLE resource_daemons (
    resource_id  INTEGER     NOT NULL,
    daemon       VARCHAR(64) NOT NULL,
    signed_up    BIGINT      NOT NULL,
    PRIMARY KEY (resource_id, daemon)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX daemon_age ON resource_daemons (signed_up);

-- Ours: what each resource has said last of its machine, as checked XML (lgi_protocol.machine_state), and when.
CREATE TABLE resource_machines (
    resource_id  INTEGER       NOT NULL PRIMARY KEY,
    state        VARCHAR(1000) NOT NULL,
    told_at      BIGINT        NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

CREATE TABLE users_allowed (
    user_name    VARCHAR(255) NOT NULL,
    application  VARCHAR(255) NOT NULL,
    job_limit    INTEGER      NOT NULL,
    PRIMARY KEY (user_name, application)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

CREATE TABLE groups_allowed (
    group_name   VARCHAR(255) NOT NULL,
    application  VARCHAR(255) NOT NULL,
    job_limit    INTEGER      NOT NULL,
    PRIMARY KEY (group_name, application)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

CREATE TABLE users_denied (
    user_name    VARCHAR(255) NOT NULL,
    application  VARCHAR(255) NOT NULL,
    PRIMARY KEY (user_name, application)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

CREATE TABLE groups_denied (
    group_name   VARCHAR(255) NOT NULL,
    application  VARCHAR(255) NOT NULL,
    PRIMARY KEY (group_name, application)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Changes of the five tables above that every project server of the project is to make, in order.
CREATE TABLE updates (
    version       INTEGER      NOT NULL PRIMARY KEY AUTO_INCREMENT,
    servers       VARCHAR(255) NOT NULL,
    update_query  MEDIUMBLOB   NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- An event that is already due in the same second is not queued twice.
CREATE TABLE event_queue (
    event_time_stamp  BIGINT       NOT NULL,
    event             VARCHAR(255) NOT NULL,
    PRIMARY KEY (event_time_stamp, event)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: owners, readers and targets of job_queue (role owner, read or target), one name a row, so that a
-- lookup by name never scans lists. The job's application and state stand beside owners and readers, its time
-- stamp beside readers (0 and empty elsewhere): a page of a list, a count and a limit are each one range of one
-- index, however many jobs there are. ended is, for readers, 'succeeded', 'failed' or 'unknown' of a job that has ended.
-- A job that wants licences has a row too (role uses, name licences), whose state is the job's. A job with a name or labels
-- has, for each reader and each of these, a row like the reader's (role label), whose name is a digest of the two.
-- An urgent job has two rows (role urgent): one with its urgent_group, and one with the name any.
-- A resource that is not to get a job has a row with the role not_on; one on which it has just failed has one with the role
-- failed, whose state_time_stamp is until when others get the job first.
-- The readers of an element of an array have the role part in the place of read, so that a list without elements is one
-- range too.
-- No name has more than 254 bytes, and a key of MariaDB no more than 3072; it has the primary key's columns at the end
-- of every index, unsaid.
CREATE TABLE job_access (
    role              VARCHAR(6)   NOT NULL,
    name              VARCHAR(254) NOT NULL,
    state_time_stamp  BIGINT       NOT NULL,
    job_id            INTEGER      NOT NULL,
    state             VARCHAR(254) NOT NULL,
    application       VARCHAR(254) NOT NULL,
    ended             VARCHAR(9)   NOT NULL DEFAULT '',
    PRIMARY KEY (role, name, state_time_stamp, job_id)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin COMMENT='MERGE_THRESHOLD=15' */;
CREATE INDEX access_of_job ON job_access (job_id, role, name);
CREATE INDEX access_by_state ON job_access (role, name, state, state_time_stamp, job_id);
CREATE INDEX access_by_application ON job_access (role, name, application, state /*~ , state_time_stamp, job_id */);
CREATE INDEX access_by_end ON job_access (role, name, ended, state_time_stamp, job_id);
CREATE INDEX access_by_application_and_time ON job_access (role, name, application, state_time_stamp, job_id);

-- Ours: the arrays of jobs that were submitted together, by the number of the first element, which may be deleted
-- meanwhile; and who may read each. All elements have its application and readers. size is the number of elements that
-- were announced, at_most how many may run at once (0: any number); caller and request_id are those of the submit.
CREATE TABLE job_arrays (
    array_id     INTEGER      NOT NULL PRIMARY KEY,
    caller       VARCHAR(270) NOT NULL,
    request_id   VARCHAR(64)  NOT NULL,
    application  VARCHAR(255) NOT NULL,
    owners       VARCHAR(255) NOT NULL,
    read_access  VARCHAR(255) NOT NULL,
    job_name     VARCHAR(100) NOT NULL DEFAULT '',
    size         INTEGER      NOT NULL,
    at_most      INTEGER      NOT NULL DEFAULT 0,
    submitted    BIGINT       NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE UNIQUE INDEX array_of_caller ON job_arrays (caller, request_id);
CREATE TABLE array_access (
    name      VARCHAR(254) NOT NULL,
    array_id  INTEGER      NOT NULL,
    PRIMARY KEY (name, array_id)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX readers_of_array ON array_access (array_id);

-- Ours: every change of a job's state, kept when the job is gone. The first row of a job is its submit, from no
-- state; it is written with the first change, from the job's row, which says the same until then, and alone has the
-- job's name and labels. accounted is 1 when the usage below has it.
CREATE TABLE job_history (
    change_id         INTEGER      NOT NULL PRIMARY KEY AUTO_INCREMENT,
    job_id            INTEGER      NOT NULL,
    change_time       BIGINT       NOT NULL,
    old_state         VARCHAR(255) NOT NULL,
    new_state         VARCHAR(255) NOT NULL,
    changed_by        VARCHAR(300) NOT NULL,
    reason            VARCHAR(255) NOT NULL,
    application       VARCHAR(255) NOT NULL,
    owners            VARCHAR(255) NOT NULL,
    target_resources  VARCHAR(255) NOT NULL,
    accounted         INTEGER      NOT NULL DEFAULT 0,
    job_name          VARCHAR(100) NOT NULL DEFAULT '',
    labels            VARCHAR(2200) NOT NULL DEFAULT ''
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX history_of_job ON job_history (job_id, change_id);
CREATE INDEX history_to_account ON job_history (accounted, change_id);

-- Ours: the jobs that run, as far as job_history is accounted for, and since when.
CREATE TABLE job_runs (
    job_id       INTEGER      NOT NULL PRIMARY KEY,
    began        BIGINT       NOT NULL,
    application  VARCHAR(255) NOT NULL,
    owners       VARCHAR(255) NOT NULL,
    resource     VARCHAR(255) NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: runs that have ended in a month (202611), and the seconds of such runs in it. kind is user for the first owner
-- of a job, group for the others: each job is in the sum of the users once.
CREATE TABLE job_usage (
    usage_id     INTEGER      NOT NULL PRIMARY KEY AUTO_INCREMENT,
    month        INTEGER      NOT NULL,
    kind         VARCHAR(5)   NOT NULL,
    name         VARCHAR(254) NOT NULL,
    application  VARCHAR(254) NOT NULL,
    resource     VARCHAR(254) NOT NULL,
    jobs         INTEGER      NOT NULL,
    seconds      BIGINT       NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX usage_of_name ON job_usage (kind, name, month);

-- Ours: what an account ("user NAME" or "group NAME") is to get of the resources beside the others, 1 where none is
-- given; and what it has used lately: seconds and runs that count half as much after a while, as of used_at. The
-- account without a name is all jobs.
CREATE TABLE share_weights (
    account  VARCHAR(260) NOT NULL PRIMARY KEY,
    weight   DOUBLE       NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE TABLE share_usage (
    account  VARCHAR(260) NOT NULL PRIMARY KEY,
    seconds  DOUBLE       NOT NULL,
    runs     DOUBLE       NOT NULL,
    used_at  BIGINT       NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: which job a submit has made, by who submitted and the number the submit was given, for a day: whoever did
-- not get the answer submits again and is answered with that job. contents is a digest of all that was posted.
CREATE TABLE submit_requests (
    request_number  INTEGER      NOT NULL PRIMARY KEY AUTO_INCREMENT,
    caller          VARCHAR(270) NOT NULL,
    request_id      VARCHAR(64)  NOT NULL,
    contents        VARCHAR(64)  NOT NULL,
    job_id          INTEGER      NOT NULL,
    made            BIGINT       NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE UNIQUE INDEX request_of_caller ON submit_requests (caller, request_id);
CREATE INDEX request_age ON submit_requests (made);

-- Ours: the end of what a running job has put out so far, while somebody looks: asked is when that was last so, told
-- when the job's daemon first sent something. length is all the bytes there were, of which tail is the end; complete
-- is 1 when no more will come.
CREATE TABLE job_tails (
    job_id    INTEGER    NOT NULL PRIMARY KEY,
    asked     BIGINT     NOT NULL,
    told      BIGINT     NOT NULL DEFAULT 0,
    length    BIGINT     NOT NULL DEFAULT 0,
    complete  INTEGER    NOT NULL DEFAULT 0,
    tail      MEDIUMBLOB NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX tail_asked ON job_tails (asked);

-- Ours: of which events ("start,end,fail") of a job, or with is_array 1 of an array, its user is still to be told, by mail and
-- by a webhook; the row goes with the last one. The messages to send, stored with the change that they tell: facts is JSON,
-- due (in seconds) is moved by the scheduler that sends one, problem is why it is not sent yet. The mail addresses that
-- administrators have set, and the keys that sign webhooks. And buckets: how many messages a user or the project may have sent.
CREATE TABLE job_notifications (
    job_id     INTEGER       NOT NULL,
    is_array   SMALLINT      NOT NULL,
    events     VARCHAR(20)   NOT NULL,
    user_name  VARCHAR(254)  NOT NULL,
    mail       VARCHAR(254)  NOT NULL,
    webhook    VARCHAR(1000) NOT NULL,
    PRIMARY KEY (is_array, job_id)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE TABLE notification_outbox (
    notification_id  INTEGER       NOT NULL PRIMARY KEY AUTO_INCREMENT,
    job_id           INTEGER       NOT NULL,
    is_array         SMALLINT      NOT NULL,
    event            VARCHAR(5)    NOT NULL,
    user_name        VARCHAR(254)  NOT NULL,
    kind             VARCHAR(7)    NOT NULL,
    address          VARCHAR(1000) NOT NULL,
    facts            MEDIUMTEXT    NOT NULL,
    created          BIGINT        NOT NULL,
    due              BIGINT        NOT NULL,
    tries            INTEGER       NOT NULL DEFAULT 0,
    problem          VARCHAR(254)  NOT NULL DEFAULT ''
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX outbox_due ON notification_outbox (due, notification_id);
CREATE INDEX outbox_job ON notification_outbox (job_id, is_array);
CREATE TABLE notification_users (
    user_name    VARCHAR(254) NOT NULL PRIMARY KEY,
    address      VARCHAR(254) NOT NULL,
    webhook_key  VARCHAR(64)  NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE TABLE notification_rates (
    name    VARCHAR(270) NOT NULL PRIMARY KEY,
    tokens  DOUBLE       NOT NULL,
    filled  BIGINT       NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: sessions of LGI_attach: between whom and which job, when both ends were there last and when something was
-- last sent, how many bytes in that second, and what each end has sent (of so many bytes in all) that the other has
-- not received yet. daemon_seen is 0 until the job's daemon answers, ended is when the session ended, and why.
CREATE TABLE attach_sessions (
    session_token  VARCHAR(32)  NOT NULL PRIMARY KEY,
    job_id         INTEGER      NOT NULL,
    user_name      VARCHAR(254) NOT NULL,
    begun          BIGINT       NOT NULL,
    user_seen      BIGINT       NOT NULL,
    daemon_seen    BIGINT       NOT NULL DEFAULT 0,
    used           BIGINT       NOT NULL,
    moved          INTEGER      NOT NULL DEFAULT 0,
    input_length   BIGINT       NOT NULL DEFAULT 0,
    input_waiting  MEDIUMBLOB   NOT NULL,
    output_length  BIGINT       NOT NULL DEFAULT 0,
    output_waiting MEDIUMBLOB   NOT NULL,
    ended          BIGINT       NOT NULL DEFAULT 0,
    end_reason     VARCHAR(254) NOT NULL DEFAULT ''
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: browsers that have the web interface open. session_hash is the SHA-256 of what the browser keeps,
-- certificate that of the certificate it shows.
CREATE TABLE web_sessions (
    session_hash  CHAR(64) NOT NULL PRIMARY KEY,
    certificate   CHAR(64) NOT NULL,
    last_used     BIGINT   NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX web_session_owner ON web_sessions (certificate, last_used);
CREATE INDEX web_session_age ON web_sessions (last_used);

-- Ours: tokens that users have made with a certificate (PEM), for programs without one. token_hash is the SHA-256 of
-- the token; times are in seconds, last_used is 0 of one that was never used. group_name is empty but for the token of a
-- group, which user_name has made.
CREATE TABLE api_tokens (
    token_id     INTEGER      NOT NULL PRIMARY KEY AUTO_INCREMENT,
    token_hash   CHAR(64)     NOT NULL,
    user_name    VARCHAR(255) NOT NULL,
    token_name   VARCHAR(255) NOT NULL,
    scopes       VARCHAR(255) NOT NULL,
    certificate  TEXT         NOT NULL,
    created      BIGINT       NOT NULL,
    expires      BIGINT       NOT NULL,
    last_used    BIGINT       NOT NULL DEFAULT 0,
    group_name   VARCHAR(255) NOT NULL DEFAULT ''
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE UNIQUE INDEX token_by_hash ON api_tokens (token_hash);
CREATE INDEX token_by_user ON api_tokens (user_name, token_id);
CREATE INDEX token_expiry ON api_tokens (expires);

-- Ours: from where each token was used: its use from another address is logged.
CREATE TABLE token_addresses (
    token_id    INTEGER     NOT NULL,
    address     VARCHAR(64) NOT NULL,
    first_used  BIGINT      NOT NULL,
    PRIMARY KEY (token_id, address)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: which servers can hear the daemons: last_beat is written every few seconds, reachable_since when that begins
-- anew after a break. A daemon is not called silent for a time in which no server could hear it.
CREATE TABLE server_heartbeats (
    server           VARCHAR(255) NOT NULL PRIMARY KEY,
    reachable_since  BIGINT       NOT NULL,
    last_beat        BIGINT       NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: a row is written, always with another turn, while something is counted and taken by one at a time, whichever
-- node of a cluster is asked: "licences", "updates", and "limit APPLICATION OWNER" for an owner's jobs.
CREATE TABLE turns (
    name  VARCHAR(520) NOT NULL PRIMARY KEY,
    turn  BIGINT       NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: what jobs of an application want of the licences, so that jobs which wait for the same ones are passed over
-- together. What no job wants any more the scheduler removes once in a while.
CREATE TABLE licence_wishes (
    application  VARCHAR(255) NOT NULL,
    licences     VARCHAR(180) NOT NULL,
    PRIMARY KEY (application, licences)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: the statements (a list in JSON) that take back a change made by ManageDB here.
CREATE TABLE update_undo (
    version     INTEGER    NOT NULL PRIMARY KEY,
    statements  MEDIUMTEXT NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: the queue of the project (name '') and of each user in the hours of the last days and the days of the last weeks:
-- the most jobs that LGI_scheduler has seen queued and running at once, NULL where it has not looked, and how many ended
-- and failed. span_seconds is 3600 or 86400; begins is in seconds.
CREATE TABLE queue_history (
    name          VARCHAR(254) NOT NULL,
    span_seconds  INTEGER      NOT NULL,
    begins        BIGINT       NOT NULL,
    queued        INTEGER      NULL,
    running       INTEGER      NULL,
    ended         INTEGER      NOT NULL DEFAULT 0,
    failed        INTEGER      NOT NULL DEFAULT 0,
    PRIMARY KEY (name, span_seconds, begins)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: the users who may administrate the project over HTTP, if their certificates have the administrators' group.
CREATE TABLE administrators (
    user_name  VARCHAR(255) NOT NULL PRIMARY KEY,
    added      BIGINT       NOT NULL,
    added_by   VARCHAR(255) NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: users whose calls this server refuses, with whatever certificate or token. denied is 1 if the revocation has
-- made the rule that denies them all applications on all servers.
CREATE TABLE revoked_users (
    user_name   VARCHAR(255) NOT NULL PRIMARY KEY,
    revoked     BIGINT       NOT NULL,
    revoked_by  VARCHAR(255) NOT NULL,
    reason      VARCHAR(255) NOT NULL,
    denied      INTEGER      NOT NULL DEFAULT 0
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: the changes of administrators made on this server, over HTTP or by ManageDB. version is the number of the
-- update, 0 of a change that concerns this server alone.
CREATE TABLE administration_log (
    entry_id     INTEGER      NOT NULL PRIMARY KEY AUTO_INCREMENT,
    changed_at   BIGINT       NOT NULL,
    changed_by   VARCHAR(255) NOT NULL,
    means        VARCHAR(255) NOT NULL,
    description  TEXT         NOT NULL,
    version      INTEGER      NOT NULL DEFAULT 0
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Ours: which of the files in sql/upgrades/ this database has; a database without this table is of version 1.
CREATE TABLE schema_version (
    version  INTEGER NOT NULL PRIMARY KEY
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
INSERT INTO schema_version (version) VALUES (26);
