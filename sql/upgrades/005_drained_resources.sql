-- Resources that are drained: since when, 0 for one that is not, and why.
ALTER TABLE active_resources ADD COLUMN /*! IF NOT EXISTS */ drained_since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE active_resources ADD COLUMN /*! IF NOT EXISTS */ drain_reason VARCHAR(254) NOT NULL DEFAULT '';
