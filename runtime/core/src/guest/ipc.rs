//! Arrow IPC bytes that come from a guest.
