-- What earlier tries of jobs have used, as the columns of job_queue. NULL is not known.
ALTER TABLE job_tries ADD COLUMN /*! IF NOT EXISTS */ cpu_milliseconds BIGINT NULL;
ALTER TABLE job_tries ADD COLUMN /*! IF NOT EXISTS */ peak_memory BIGINT NULL;
ALTER TABLE job_tries ADD COLUMN /*! IF NOT EXISTS */ disk_used BIGINT NULL;
