-- What jobs have used: milliseconds of processor time, bytes of memory and disk. NULL is not known.
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ cpu_milliseconds BIGINT NULL;
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ peak_memory BIGINT NULL;
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ disk_used BIGINT NULL;
