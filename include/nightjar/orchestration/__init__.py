"""What the DAG files use: settings of DAGs, and the steps that their tasks run. Imports no heavy library."""
