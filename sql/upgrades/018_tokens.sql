-- Tokens of users, and from where each was used.
CREATE TABLE IF NOT EXISTS api_tokens (
    token_id     INTEGER      NOT NULL PRIMARY KEY AUTO_INCREMENT,
    token_hash   CHAR(64)     NOT NULL,
    user_name    VARCHAR(255) NOT NULL,
    token_name   VARCHAR(255) NOT NULL,
    scopes       VARCHAR(255) NOT NULL,
    certificate  TEXT         NOT NULL,
    created      BIGINT       NOT NULL,
    expires      BIGINT       NOT NULL,
    last_used    BIGINT       NOT NULL DEFAULT 0
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE UNIQUE INDEX IF NOT EXISTS token_by_hash ON api_tokens (token_hash);
CREATE INDEX IF NOT EXISTS token_by_user ON api_tokens (user_name, token_id);
CREATE INDEX IF NOT EXISTS token_expiry ON api_tokens (expires);

CREATE TABLE IF NOT EXISTS token_addresses (
    token_id    INTEGER     NOT NULL,
    address     VARCHAR(64) NOT NULL,
    first_used  BIGINT      NOT NULL,
    PRIMARY KEY (token_id, address)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
