-- Which daemons sign up as a resource, and which servers can hear the daemons.
CREATE TABLE IF NOT EXISTS resource_daemons (
    resource_id  INTEGER     NOT NULL,
    daemon       VARCHAR(64) NOT NULL,
    signed_up    BIGINT      NOT NULL,
    PRIMARY KEY (resource_id, daemon)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX IF NOT EXISTS daemon_age ON resource_daemons (signed_up);
CREATE TABLE IF NOT EXISTS server_heartbeats (
    server           VARCHAR(255) NOT NULL PRIMARY KEY,
    reachable_since  BIGINT       NOT NULL,
    last_beat        BIGINT       NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
