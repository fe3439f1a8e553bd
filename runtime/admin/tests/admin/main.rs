//! The admin services on a real database, with a node that only remembers what it was asked.

mod bench;
mod contract;
mod hand_written;
mod objects;
mod people;
mod secrets;
