-- Priorities by which a user orders the own jobs. MariaDB replaces the index in one statement, since older servers that are
-- still running name it in a query.
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ user_priority SMALLINT NOT NULL DEFAULT 0
    /*! , DROP INDEX IF EXISTS job_share,
    ADD INDEX job_share (application, queued_for, queued_by, queued_wish, user_priority, priority, job_id) */;
DROP INDEX IF EXISTS /*! old_job_share ON job_queue */ /*~ job_share */;
CREATE INDEX IF NOT EXISTS job_share ON job_queue (application, queued_for, queued_by, queued_wish, user_priority, priority, job_id);
