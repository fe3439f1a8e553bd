//! Ids of what has no number of its own.
//!
//! Objects have the number they were made with. Services and nodes are known by their names, which do not change, so their ids
//! are made from those: the same on every node, before and after a deploy, without a table.

use sha2::{Digest, Sha256};

/// Set in every id that is made: numbers of objects count from 1 and will not come here, and whatever reads JSON numbers as
/// floating point still reads these exactly.
const MADE: i64 = 1 << 52;

/// The id of a service.
pub(crate) fn service(name: &str) -> i64 {
    made("service", name)
}

/// The id of a node, which Zato calls a server.
pub(crate) fn server(name: &str) -> i64 {
    made("server", name)
}

fn made(what: &str, name: &str) -> i64 {
    let digest = Sha256::digest(format!("{what}:{name}"));
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    (i64::from_be_bytes(first) & (MADE - 1)) | MADE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_for_ever_and_exact_as_a_floating_point_number() {
        assert_eq!(service("zato.ping"), 5_049_499_594_053_499);
        assert_ne!(service("a"), server("a"));
        for name in ["a", "b", "stockmarket.get-market-cap", ""] {
            let id = service(name);
            assert!((MADE..2 * MADE).contains(&id), "{id}");
        }
    }
}
