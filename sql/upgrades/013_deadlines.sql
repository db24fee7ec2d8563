-- When users need their jobs, in seconds.
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ deadline BIGINT NULL;
CREATE INDEX IF NOT EXISTS job_deadline ON job_queue (deadline) /*~ WHERE deadline IS NOT NULL */;
