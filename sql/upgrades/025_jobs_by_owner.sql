-- The jobs of each owner by time: lists of an owner with many jobs, all of them long ago or all of them lately.
CREATE INDEX IF NOT EXISTS job_by_owner ON job_queue (owners, state_time_stamp, job_id);
