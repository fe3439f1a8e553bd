//! Data dictionaries: unique, connected, exchanged whole, and told of to every node.

use busker_odb::OdbError;
use busker_odb::dictionaries::{
    Dictionaries, Dump, DumpedTranslation, Entry, Item, Path, Translation, VALUE_BYTES, WORD_BYTES,
    Window,
};

use crate::fixture::{Bench, on_both};

on_both!(
    entries_are_unique_numbered_once_and_found_by_system_and_key,
    words_and_values_have_bounds,
    a_translation_needs_both_ends_and_goes_one_way_into_a_key,
    translations_follow_their_entries_and_go_with_them,
    what_is_exported_comes_back_the_same_with_its_numbers,
    an_import_that_does_not_hold_together_changes_nothing,
);

const ALL: Window = Window {
    offset: 0,
    limit: 100,
};

fn usd() -> Item {
    Item::new("crm", "currency", "USD")
}

fn code() -> Item {
    Item::new("iso_4217", "numeric", "840")
}

fn path(from: Item, to: Item) -> Path {
    Path { from, to }
}

async fn linked(dictionaries: Dictionaries<'_>) -> (Entry, Entry, Translation) {
    let from = dictionaries.create(usd()).await.unwrap();
    let to = dictionaries.create(code()).await.unwrap();
    let translation = dictionaries.link(path(usd(), code())).await.unwrap();
    (from, to, translation)
}

async fn called(dictionaries: Dictionaries<'_>, from: &Item, to: (&str, &str)) -> Option<String> {
    dictionaries.translate(from, to.0, to.1).await.unwrap()
}

async fn entries_are_unique_numbered_once_and_found_by_system_and_key(bench: Bench) {
    let dictionaries = bench.odb.dictionaries();
    let first = dictionaries.create(usd()).await.unwrap();
    let again = dictionaries.create(usd()).await;
    assert!(matches!(again, Err(OdbError::Conflict(_))), "{again:?}");
    let second = dictionaries.create(code()).await.unwrap();
    assert_eq!((first.number, second.number), (1, 2));
    dictionaries.delete(second.number).await.unwrap();
    let third = dictionaries.create(code()).await.unwrap();
    assert_eq!(third.number, 3, "a number is not used again");
    let eur = Item::new("crm", "currency", "EUR");
    dictionaries.create(eur).await.unwrap();
    let page = dictionaries.list("crm", "currency", ALL).await.unwrap();
    let values: Vec<&str> = page
        .entries
        .iter()
        .map(|entry| entry.value.as_str())
        .collect();
    assert_eq!((page.total, page.last, values), (2, 4, vec!["EUR", "USD"]));
    let window = Window {
        offset: 1,
        limit: 1,
    };
    let page = dictionaries.list("", "", window).await.unwrap();
    assert_eq!((page.total, page.entries.len()), (3, 1));
    assert_eq!(page.entries[0].value, "USD");
    assert_eq!(
        dictionaries.systems().await.unwrap(),
        ["crm", "iso_4217"].map(str::to_owned)
    );
    assert_eq!(dictionaries.keys("crm").await.unwrap(), ["currency"]);
    let values = dictionaries.values("crm", "currency").await.unwrap();
    assert_eq!(values, ["EUR", "USD"].map(str::to_owned));
    let gone = dictionaries.delete(2).await;
    assert!(matches!(gone, Err(OdbError::NotFound(_))), "{gone:?}");
}

async fn words_and_values_have_bounds(bench: Bench) {
    let dictionaries = bench.odb.dictionaries();
    let long = "x".repeat(VALUE_BYTES);
    let word = "s".repeat(WORD_BYTES);
    for fine in [
        Item::new(&word, &word, &long),
        Item::new("Größe_1", "a", "any :::text 'at' all\n"),
    ] {
        dictionaries.create(fine).await.unwrap();
    }
    for (wrong, field) in [
        (Item::new("a b", "k", "v"), "system"),
        (Item::new("", "k", "v"), "system"),
        (Item::new(&format!("{word}s"), "k", "v"), "system"),
        (Item::new("s", "k-1", "v"), "key"),
        (Item::new("s", "k", ""), "value"),
        (Item::new("s", "k", "a\0b"), "value"),
        (Item::new("s", "k", &format!("{long}x")), "value"),
    ] {
        let refused = dictionaries.create(wrong).await.unwrap_err();
        assert!(
            refused.to_string().starts_with(&format!("{field}:")),
            "{refused}"
        );
    }
}

async fn a_translation_needs_both_ends_and_goes_one_way_into_a_key(bench: Bench) {
    let dictionaries = bench.odb.dictionaries();
    let (_, _, translation) = linked(dictionaries).await;
    assert_eq!(translation.number, 1);
    let to = ("iso_4217", "numeric");
    assert_eq!(
        called(dictionaries, &usd(), to).await.as_deref(),
        Some("840")
    );
    assert_eq!(
        called(dictionaries, &code(), ("crm", "currency")).await,
        None
    );
    let other = Item::new("iso_4217", "numeric", "978");
    let missing = dictionaries.link(path(usd(), other.clone())).await;
    let missing = missing.unwrap_err().to_string();
    assert!(missing.contains("system2, key2, value2"), "{missing}");
    dictionaries.create(other.clone()).await.unwrap();
    let second = dictionaries.link(path(usd(), other.clone())).await;
    assert!(matches!(second, Err(OdbError::Conflict(_))), "{second:?}");
    let edited = dictionaries.relink(1, path(usd(), other)).await.unwrap();
    assert_eq!((edited.number, edited.value2.as_str()), (1, "978"));
    assert_eq!(
        called(dictionaries, &usd(), to).await.as_deref(),
        Some("978")
    );
    let none = dictionaries.relink(9, path(usd(), code())).await;
    assert!(none.is_err());
    let page = dictionaries.translations(ALL).await.unwrap();
    assert_eq!((page.total, page.last), (1, 1));
    assert_eq!(page.translations, [edited]);
    dictionaries.unlink(1).await.unwrap();
    assert_eq!(called(dictionaries, &usd(), to).await, None);
    let gone = dictionaries.unlink(1).await;
    assert!(matches!(gone, Err(OdbError::NotFound(_))), "{gone:?}");
}

async fn translations_follow_their_entries_and_go_with_them(bench: Bench) {
    let dictionaries = bench.odb.dictionaries();
    let (from, to, _) = linked(dictionaries).await;
    let dollar = Item::new("erp", "money", "dollar");
    dictionaries
        .edit(from.number, dollar.clone())
        .await
        .unwrap();
    let moved = Item::new("iso", "code", "0840");
    dictionaries.edit(to.number, moved).await.unwrap();
    let found = called(dictionaries, &dollar, ("iso", "code")).await;
    assert_eq!(found.as_deref(), Some("0840"));
    assert_eq!(
        called(dictionaries, &dollar, ("iso_4217", "numeric")).await,
        None
    );
    assert_eq!(called(dictionaries, &usd(), ("iso", "code")).await, None);
    // Another one of the same entry is where this one would go.
    dictionaries.create(code()).await.unwrap();
    dictionaries
        .link(path(dollar.clone(), code()))
        .await
        .unwrap();
    let clash = Item::new("iso_4217", "numeric", "0840");
    let clash = dictionaries.edit(to.number, clash).await;
    assert!(matches!(clash, Err(OdbError::Conflict(_))), "{clash:?}");
    let taken = dictionaries.edit(to.number, code()).await;
    assert!(matches!(taken, Err(OdbError::Conflict(_))), "{taken:?}");
    assert_eq!(dictionaries.delete(from.number).await, Ok(2));
    assert_eq!(dictionaries.translations(ALL).await.unwrap().total, 0);
}

async fn what_is_exported_comes_back_the_same_with_its_numbers(bench: Bench) {
    let dictionaries = bench.odb.dictionaries();
    let (_, to, _) = linked(dictionaries).await;
    // Many, so that whole statements and single rows of the batch are both written.
    for number in 0..70 {
        let value = format!("v{number}");
        let item = Item::new("crm", "many", &value);
        dictionaries.create(item.clone()).await.unwrap();
        dictionaries.link(path(item, code())).await.unwrap();
    }
    let extra = Item::new("crm", "many", "extra");
    let gone = dictionaries.create(extra).await.unwrap();
    dictionaries.delete(gone.number).await.unwrap();
    let dump = dictionaries.export().await.unwrap();
    assert_eq!(dump.last_entry, gone.number);
    dictionaries.import(Dump::default()).await.unwrap();
    assert_eq!(dictionaries.list("", "", ALL).await.unwrap().total, 0);
    let after = dictionaries
        .create(Item::new("a", "b", "c"))
        .await
        .unwrap()
        .number;
    assert_eq!(after, gone.number + 1, "an import gives no number back");
    dictionaries.import(dump.clone()).await.unwrap();
    let again = dictionaries.export().await.unwrap();
    assert_eq!(
        (&again.entries, &again.translations),
        (&dump.entries, &dump.translations)
    );
    assert_eq!(again.last_entry, after);
    let found = called(dictionaries, &usd(), ("iso_4217", "numeric")).await;
    assert_eq!(found, Some(to.value));
}

async fn an_import_that_does_not_hold_together_changes_nothing(bench: Bench) {
    let dictionaries = bench.odb.dictionaries();
    linked(dictionaries).await;
    let before = dictionaries.export().await.unwrap();
    let entry = |number, value: &str| Entry {
        number,
        system: "s".to_owned(),
        key: "k".to_owned(),
        value: value.to_owned(),
    };
    let way = |number, value: &str| DumpedTranslation {
        number,
        path: path(Item::new("s", "k", "a"), Item::new("s", "k", value)),
    };
    let of = |entries: Vec<Entry>, translations: Vec<DumpedTranslation>| Dump {
        entries,
        translations,
        ..Dump::default()
    };
    let pair = || vec![entry(1, "a"), entry(2, "b")];
    for (dump, reason) in [
        (
            of(vec![entry(1, "a"), entry(1, "b")], vec![]),
            "is there twice",
        ),
        (
            of(vec![entry(1, "a"), entry(2, "a")], vec![]),
            "under another number",
        ),
        (of(vec![entry(0, "a")], vec![]), "below 1"),
        (of(vec![entry(1, "")], vec![]), "value:"),
        (of(pair(), vec![way(1, "c")]), "needs the entry"),
        (of(pair(), vec![way(1, "b"), way(1, "b")]), "is there twice"),
        (
            of(pair(), vec![way(1, "b"), way(2, "b")]),
            "another translation",
        ),
    ] {
        let refused = dictionaries.import(dump).await.unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}: {reason}");
    }
    assert_eq!(dictionaries.export().await.unwrap(), before);
}

/// What a node remembers of translations goes by this.
#[tokio::test]
async fn a_write_is_told_to_other_nodes() {
    let bench = Bench::postgres().await;
    let other = bench.another_node().await;
    other.migrate().await.unwrap();
    let mut hints = other.subscribe();
    let before = *hints.borrow_and_update();
    linked(bench.odb.dictionaries()).await;
    let told = hints.wait_for(|revision| *revision >= before + 3);
    let told = tokio::time::timeout(std::time::Duration::from_secs(10), told);
    told.await.unwrap().unwrap();
}
