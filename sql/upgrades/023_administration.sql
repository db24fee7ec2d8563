-- Who administrates the project over HTTP, whose calls are refused, and who has changed what.
CREATE TABLE IF NOT EXISTS administrators (
    user_name  VARCHAR(255) NOT NULL PRIMARY KEY,
    added      BIGINT       NOT NULL,
    added_by   VARCHAR(255) NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

CREATE TABLE IF NOT EXISTS revoked_users (
    user_name   VARCHAR(255) NOT NULL PRIMARY KEY,
    revoked     BIGINT       NOT NULL,
    revoked_by  VARCHAR(255) NOT NULL,
    reason      VARCHAR(255) NOT NULL,
    denied      INTEGER      NOT NULL DEFAULT 0
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

CREATE TABLE IF NOT EXISTS administration_log (
    entry_id     INTEGER      NOT NULL PRIMARY KEY AUTO_INCREMENT,
    changed_at   BIGINT       NOT NULL,
    changed_by   VARCHAR(255) NOT NULL,
    means        VARCHAR(255) NOT NULL,
    description  TEXT         NOT NULL,
    version      INTEGER      NOT NULL DEFAULT 0
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
