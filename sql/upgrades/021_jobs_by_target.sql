-- The jobs of each target by time: lists of a resource that many jobs had, all of them long ago or all of them lately.
CREATE INDEX IF NOT EXISTS job_by_target ON job_queue (target_resources, state_time_stamp, job_id);
