"""Large historical corrections of daily tables, made routine, on Dagster and Delta Lake."""
