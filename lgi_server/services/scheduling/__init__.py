"""The rules of the scheduler: fair share, order of the queue, periodic tasks."""
