-- Sessions of LGI_attach: what their two ends have sent and not received yet.
CREATE TABLE IF NOT EXISTS attach_sessions (
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
