//! Every promise of the operational database, kept on SQLite and on a real PostgreSQL.

mod changes;
mod fixture;
mod migrations;
mod objects;
mod packages;
mod people;
mod references;
mod secrets;
mod server;
