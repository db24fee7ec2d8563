-- The references under which resource_exchange gives out jobs: none is given to two jobs.
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ daemon_reference VARCHAR(32) NULL;
CREATE UNIQUE INDEX IF NOT EXISTS job_reference ON job_queue (daemon_reference) /*~ WHERE daemon_reference IS NOT NULL */;
