-- Rows of these two move from one end of an index to the other when a job changes its state. InnoDB would merge each page
-- that is half empty with its neighbour, and split it again soon; 15 per cent make it wait until a page is nearly empty.
/*! ALTER TABLE job_queue COMMENT = 'MERGE_THRESHOLD=15' */;
/*! ALTER TABLE job_access COMMENT = 'MERGE_THRESHOLD=15' */;
