-- How jobs ended: their exit code or signal and a reason, and in lists whether they failed. Of jobs that ended before it
-- is not known.
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ exit_code SMALLINT NULL;
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ exit_signal SMALLINT NULL;
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ end_reason VARCHAR(254) NOT NULL DEFAULT '';
ALTER TABLE job_access ADD COLUMN /*! IF NOT EXISTS */ ended VARCHAR(9) NOT NULL DEFAULT '';
UPDATE job_access SET ended = 'unknown' WHERE role = 'read' AND state = 'finished' AND ended = '';
UPDATE job_access SET ended = 'failed' WHERE role = 'read' AND state = 'aborted' AND ended = '';
CREATE INDEX IF NOT EXISTS access_by_end ON job_access (role, name, ended, state_time_stamp, job_id);
CREATE TABLE IF NOT EXISTS schema_version (
    version  INTEGER NOT NULL PRIMARY KEY
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
