//! Uploaded WSDL comes back byte for byte, and there is one for each service.

use busker_odb::OdbError;
use busker_odb::wsdls::{WSDL_BYTES, WsdlWrite};

use crate::fixture::{Bench, on_both};

on_both!(
    a_wsdl_comes_back_byte_for_byte_and_the_last_one_counts,
    one_that_is_empty_or_too_large_is_refused,
);

fn write(service: &str, content: &[u8]) -> WsdlWrite {
    WsdlWrite {
        service: service.to_owned(),
        file: "market.wsdl".to_owned(),
        content: content.to_vec(),
        uploaded_by: "ann".to_owned(),
    }
}

async fn a_wsdl_comes_back_byte_for_byte_and_the_last_one_counts(bench: Bench) {
    let wsdls = bench.odb.wsdls();
    assert_eq!(wsdls.info("a.b").await.unwrap(), None);
    assert_eq!(wsdls.content("a.b").await.unwrap(), None);
    let odd = [&b"\xff\xfe\0\r\n<"[..], &[0, 255, 10]].concat();
    wsdls.set(write("a.b", b"<first/>")).await.unwrap();
    let info = wsdls.set(write("a.b", &odd)).await.unwrap();
    wsdls.set(write("a.c", b"<other/>")).await.unwrap();
    assert_eq!(wsdls.info("a.b").await.unwrap(), Some(info));
    assert_eq!(wsdls.content("a.b").await.unwrap(), Some(odd));
    wsdls.delete("a.b").await.unwrap();
    assert_eq!(wsdls.content("a.b").await.unwrap(), None);
    let again = wsdls.delete("a.b").await;
    assert!(matches!(again, Err(OdbError::NotFound(_))), "{again:?}");
    assert!(wsdls.info("a.c").await.unwrap().is_some());
}

async fn one_that_is_empty_or_too_large_is_refused(bench: Bench) {
    for content in [Vec::new(), vec![b'a'; WSDL_BYTES + 1]] {
        let refused = bench.odb.wsdls().set(write("a.b", &content)).await;
        assert!(matches!(refused, Err(OdbError::Invalid(_))), "{refused:?}");
    }
    let largest = vec![b'a'; WSDL_BYTES];
    bench.odb.wsdls().set(write("a.b", &largest)).await.unwrap();
    assert_eq!(
        bench.odb.wsdls().content("a.b").await.unwrap(),
        Some(largest)
    );
}
