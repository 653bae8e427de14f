"""Shows a wrong declaration as an import error of this file, and of this file only.

The workflows' files define Airflow DAGs for the declarations that can be read; this one reads them all and
raises the first refusal, so that the UI shows what is wrong while every other use case goes on.
"""

from nightjar.usecases import declared_use_cases

declared_use_cases()
