-- Holds of queued jobs: who or what keeps each back, and until when.
CREATE TABLE IF NOT EXISTS job_holds (
    job_id   INTEGER      NOT NULL,
    reason   VARCHAR(8)   NOT NULL,
    since    BIGINT       NOT NULL,
    until    BIGINT       NULL,
    held_by  VARCHAR(254) NOT NULL DEFAULT '',
    text     VARCHAR(254) NOT NULL DEFAULT '',
    PRIMARY KEY (job_id, reason)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX IF NOT EXISTS hold_until ON job_holds (until);
