//! What needs strace besides; `make check` leaves it out.

mod interrupted;
mod system_calls;
