-- Jobs that are tried again when they fail: how often, after which ends, and how their tries have ended.
CREATE TABLE IF NOT EXISTS job_retries (
    job_id    INTEGER      NOT NULL PRIMARY KEY,
    retry_on  VARCHAR(254) NOT NULL,
    backoff   INTEGER      NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE TABLE IF NOT EXISTS job_tries (
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
    PRIMARY KEY (job_id, number)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ retries SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ tried SMALLINT NOT NULL DEFAULT 0;
