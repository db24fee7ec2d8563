-- Arrays of jobs.
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ array_id INTEGER NULL;
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ array_index INTEGER NULL;
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ element_state VARCHAR(255) GENERATED ALWAYS AS (CASE WHEN array_id IS NULL THEN NULL
        WHEN state = 'aborted' THEN 'failed' WHEN state <> 'finished' THEN state
        WHEN exit_signal IS NOT NULL OR exit_code <> 0 THEN 'failed'
        WHEN exit_code = 0 THEN 'succeeded' ELSE 'unknown' END) /*! STORED */ /*~ VIRTUAL */;
CREATE UNIQUE INDEX IF NOT EXISTS job_element ON job_queue (array_id, array_index) /*~ WHERE array_id IS NOT NULL */;
CREATE INDEX IF NOT EXISTS job_progress ON job_queue (array_id, element_state, array_index) /*~ WHERE array_id IS NOT NULL */;
CREATE TABLE IF NOT EXISTS job_arrays (
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
CREATE UNIQUE INDEX IF NOT EXISTS array_of_caller ON job_arrays (caller, request_id);
CREATE TABLE IF NOT EXISTS array_access (
    name      VARCHAR(254) NOT NULL,
    array_id  INTEGER      NOT NULL,
    PRIMARY KEY (name, array_id)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX IF NOT EXISTS readers_of_array ON array_access (array_id);
