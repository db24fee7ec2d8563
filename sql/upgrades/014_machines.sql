-- What each resource says of its machine.
CREATE TABLE IF NOT EXISTS resource_machines (
    resource_id  INTEGER       NOT NULL PRIMARY KEY,
    state        VARCHAR(1000) NOT NULL,
    told_at      BIGINT        NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
