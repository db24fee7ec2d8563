-- Jobs that wait for the ends of others; a job that others wait for has has_dependents 1.
CREATE TABLE IF NOT EXISTS job_dependencies (
    job_id    INTEGER    NOT NULL,
    after_id  INTEGER    NOT NULL,
    kind      VARCHAR(3) NOT NULL,
    kept      SMALLINT   NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, after_id)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX IF NOT EXISTS dependency_after ON job_dependencies (after_id, job_id);
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ has_dependents SMALLINT NOT NULL DEFAULT 0;
