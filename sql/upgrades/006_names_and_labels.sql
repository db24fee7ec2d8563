-- Names and labels of jobs, and when each was submitted and started. What is not known of jobs that exist is read
-- from their history.
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ job_name VARCHAR(100) NOT NULL DEFAULT '';
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ labels VARCHAR(2200) NOT NULL DEFAULT '';
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ submitted BIGINT NULL;
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ started BIGINT NULL;
ALTER TABLE job_history ADD COLUMN /*! IF NOT EXISTS */ job_name VARCHAR(100) NOT NULL DEFAULT '';
ALTER TABLE job_history ADD COLUMN /*! IF NOT EXISTS */ labels VARCHAR(2200) NOT NULL DEFAULT '';
UPDATE job_queue SET submitted = (SELECT MIN(change_time) FROM job_history AS past
    WHERE past.job_id = job_queue.job_id AND past.old_state = '');
UPDATE job_queue SET submitted = state_time_stamp WHERE submitted IS NULL AND state = 'queued';
UPDATE job_queue SET started = (SELECT MAX(change_time) FROM job_history AS past
    WHERE past.job_id = job_queue.job_id AND past.old_state = 'queued' AND past.new_state = 'running')
    WHERE state <> 'queued';
