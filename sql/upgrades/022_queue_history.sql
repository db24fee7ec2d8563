-- The queue and the ended jobs of each hour and day, of the project (name '') and of its users.
CREATE TABLE IF NOT EXISTS queue_history (
    name          VARCHAR(254) NOT NULL,
    span_seconds  INTEGER      NOT NULL,
    begins        BIGINT       NOT NULL,
    queued        INTEGER      NULL,
    running       INTEGER      NULL,
    ended         INTEGER      NOT NULL DEFAULT 0,
    failed        INTEGER      NOT NULL DEFAULT 0,
    PRIMARY KEY (name, span_seconds, begins)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
