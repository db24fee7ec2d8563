-- Jobs that are given out before all others: the group by whose right each is urgent, empty for any other job.
ALTER TABLE job_queue ADD COLUMN /*! IF NOT EXISTS */ urgent_group VARCHAR(254) NOT NULL DEFAULT '';
