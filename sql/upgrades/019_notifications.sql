-- Messages to users about their jobs: what they have asked for, what is to be sent, where, and how many.
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ has_notifications SMALLINT NOT NULL DEFAULT 0;

CREATE TABLE IF NOT EXISTS job_notifications (
    job_id     INTEGER       NOT NULL,
    is_array   SMALLINT      NOT NULL,
    events     VARCHAR(20)   NOT NULL,
    user_name  VARCHAR(254)  NOT NULL,
    mail       VARCHAR(254)  NOT NULL,
    webhook    VARCHAR(1000) NOT NULL,
    PRIMARY KEY (is_array, job_id)
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

CREATE TABLE IF NOT EXISTS notification_outbox (
    notification_id  INTEGER       NOT NULL PRIMARY KEY AUTO_INCREMENT,
    job_id           INTEGER       NOT NULL,
    is_array         SMALLINT      NOT NULL,
    event            VARCHAR(5)    NOT NULL,
    user_name        VARCHAR(254)  NOT NULL,
    kind             VARCHAR(7)    NOT NULL,
    address          VARCHAR(1000) NOT NULL,
    facts            MEDIUMTEXT    NOT NULL,
    created          BIGINT        NOT NULL,
    due              BIGINT        NOT NULL,
    tries            INTEGER       NOT NULL DEFAULT 0,
    problem          VARCHAR(254)  NOT NULL DEFAULT ''
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
CREATE INDEX IF NOT EXISTS outbox_due ON notification_outbox (due, notification_id);
CREATE INDEX IF NOT EXISTS outbox_job ON notification_outbox (job_id, is_array);

CREATE TABLE IF NOT EXISTS notification_users (
    user_name    VARCHAR(254) NOT NULL PRIMARY KEY,
    address      VARCHAR(254) NOT NULL,
    webhook_key  VARCHAR(64)  NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

CREATE TABLE IF NOT EXISTS notification_rates (
    name    VARCHAR(270) NOT NULL PRIMARY KEY,
    tokens  DOUBLE       NOT NULL,
    filled  BIGINT       NOT NULL
) /*! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;
