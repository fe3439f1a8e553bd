use proptest::prelude::*;

use super::*;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn a_query_keeps_order_repeats_and_empty_values() {
    assert_eq!(
        read_pairs(b"a=1&&b=x+y%2Bz&a=&c").unwrap(),
        pairs(&[("a", "1"), ("b", "x y+z"), ("a", ""), ("c", "")])
    );
    assert!(read_pairs(b"a=%ff").is_err());
    assert!(read_pairs(b"a=\xff").is_err());
    assert!(read_pairs("a&".repeat(MAX_FIELDS).as_bytes()).is_ok());
    assert!(read_pairs("a&".repeat(MAX_FIELDS + 1).as_bytes()).is_err());
}

#[test]
fn a_path_parameter_cannot_leave_its_place() {
    let read = |value: &str| read_path(&pairs(&[("id", value)]));
    assert_eq!(read("a%20b+c").unwrap(), pairs(&[("id", "a b+c")]));
    assert_eq!(read("%252f").unwrap(), pairs(&[("id", "%2f")]));
    assert_eq!(read("a/b").unwrap(), pairs(&[("id", "a/b")]));
    for wrong in [
        "a/../b", "a/b%2fc", "%2f", "a%2Fb", "%00", "..", "%2e%2e", ".", "a%5cb", "%ff",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_side_with_priority_wins_each_name() {
    let query = pairs(&[("id", "q1"), ("id", "q2"), ("only_q", "1")]);
    let path = pairs(&[("id", "p"), ("only_p", "2")]);
    assert_eq!(
        merge(&query, &path, UrlParamsPriority::QsOverPath),
        pairs(&[("id", "q1"), ("id", "q2"), ("only_q", "1"), ("only_p", "2")])
    );
    assert_eq!(
        merge(&query, &path, UrlParamsPriority::PathOverQs),
        pairs(&[("id", "p"), ("only_p", "2"), ("only_q", "1")])
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes: Vec<u8>, text: String) {
        drop(read_pairs(&bytes));
        drop(read_path(&pairs(&[("id", &text)])));
    }
}
