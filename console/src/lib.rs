//! What all Landfall programs say and how: exit codes, errors, progress.
