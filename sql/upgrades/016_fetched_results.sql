-- When somebody has last fetched all results of a job, in seconds, and who.
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ fetched BIGINT NULL;
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ fetched_by VARCHAR(254) NOT NULL DEFAULT '';
