//! The catalog lists every connector: a folder that it does not name would compile and never run.

use std::collections::BTreeSet;

use super::{Fault, Source};

const CONNECTORS: &str = "actors/connectors/";
const CATALOG: &str = "actors/catalog/src/lib.rs";

pub(super) fn faults(sources: &[Source]) -> Vec<Fault> {
    let folders: BTreeSet<&str> = sources
        .iter()
        .filter_map(|source| source.path.strip_prefix(CONNECTORS)?.split_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    let catalog: Vec<&Source> = sources
        .iter()
        .filter(|source| source.path.starts_with("actors/catalog/src/"))
        .collect();
    let missing = |folder: &&str| {
        let crate_name = format!("busker_connector_{}", folder.replace('-', "_"));
        !catalog
            .iter()
            .any(|source| source.text.contains(&crate_name))
    };
    folders
        .into_iter()
        .filter(missing)
        .map(|folder| Fault {
            path: CATALOG.to_owned(),
            line: 1,
            rule: format!("{CONNECTORS}{folder} is not in the catalog"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::source;
    use super::faults;

    #[test]
    fn each_connector_is_named() {
        let sources = [
            source("actors/connectors/http/src/lib.rs", ""),
            source("actors/connectors/amqp/src/lib.rs", ""),
            source(
                "actors/catalog/src/lib.rs",
                "use busker_connector_http::Http;",
            ),
        ];
        let faults: Vec<_> = faults(&sources).iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            ["actors/catalog/src/lib.rs:1: actors/connectors/amqp is not in the catalog"]
        );
    }
}
