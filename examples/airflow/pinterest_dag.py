"""Runs a pipeline of the PostgreSQL extension pinterest_pipeline once a day.

Copy this file into the dags folder of Airflow 2.10 or later, which needs the packages
apache-airflow-providers-common-sql and apache-airflow-providers-postgres, and adapt the
three values below.  The connection is one of type Postgres, to the database of the
pipeline and as its owner.
"""

from datetime import datetime, timedelta

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

PIPELINE = "daily"
CONNECTION = "pinterest"
SCHEDULE = "0 4 * * *"

# A run that fails changes nothing, and a run that finds nothing new does no harm: it
# can be tried again, by hand as well, and days that were missed need no runs of their
# own.
with DAG(
    dag_id=f"pinterest_{PIPELINE}",
    description=f"Copies what has come since the last run into pipeline {PIPELINE}",
    schedule=SCHEDULE,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["pinterest"],
):
    SQLExecuteQueryOperator(
        task_id="run_pipeline",
        conn_id=CONNECTION,
        sql="CALL pinterest.run_pipeline(%(pipeline)s)",
        parameters={"pipeline": PIPELINE},
        autocommit=True,
        # The server ends a run that takes too long, and its notices are in the log
        hook_params={"options": "-c statement_timeout=2h", "enable_log_db_messages": True},
    )
