"""The column labels of job_queue; job_access has the rows by which lists find the labels."""

from lgi_server.db.transaction import Transaction


def set_labels(transaction: Transaction, job_id: int, labels: str) -> None:
    """Set the labels of a job, a line ``key=value`` each; the caller changes job_access too."""
    transaction.execute_pipelined("UPDATE job_queue SET labels = %s WHERE job_id = %s", labels, job_id)
