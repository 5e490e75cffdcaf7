"""The operational database: tables and their queries, one module a noun. `session.py` holds the only commit."""

from sqlmodel import SQLModel

# Every constraint has a name that can be computed, else SQLite's batch migrations could never drop one.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
