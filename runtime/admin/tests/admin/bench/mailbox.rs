//! The bus of the node: one dead letter, and a ledger that balances.

use busker_admin::ports::{DeadLetters, Ledger, Messages};
use busker_model::bus::{
    DeadLetter, DeadSummary, Envelope, Failure, Head, InvocationState, InvocationStatus, LedgerRow,
};
use busker_model::invocation::ReplyBody;
use busker_model::{Cid, ErrorClass, Fault, ServiceName};
use busker_service::BoxFuture;
use bytes::Bytes;

use super::{Node, done};

/// The one dead letter there is.
pub(crate) const DEAD: Cid = Cid::from_u128(13);

fn failure() -> Failure {
    Failure {
        class: ErrorClass::Internal,
        code: Some("bug".to_owned()),
        message: "it failed".to_owned(),
        detail: Some("Traceback".to_owned()),
    }
}

impl Node {
    fn dead(&self, what: &str, cid: Cid) -> BoxFuture<'static, Result<(), Fault>> {
        self.remember(format!("{what} {cid}"));
        if cid == DEAD {
            return done(());
        }
        let none = Fault::not_found("cid: there is no such dead letter");
        Box::pin(std::future::ready(Err(none)))
    }
}

impl Messages for Node {
    fn status(&self, cid: Cid) -> BoxFuture<'static, Result<Option<InvocationStatus>, Fault>> {
        done((cid == DEAD).then(|| InvocationStatus {
            cid,
            service: ServiceName::new("stockmarket.get-market-cap").unwrap(),
            delivery: busker_model::Delivery::Durable,
            state: InvocationState::Dead,
            accepted_ms: 1,
            at_ms: Some(2),
            attempts: 4,
            failure: Some(failure()),
            result: Some(ReplyBody::Json(Bytes::from_static(b"[1]"))),
        }))
    }

    fn ledger(&self) -> BoxFuture<'static, Result<Ledger, Fault>> {
        let row = LedgerRow {
            service: ServiceName::new("stockmarket.get-market-cap").unwrap(),
            delivery: busker_model::Delivery::Fast,
            accepted: 3,
            done: 1,
            dead: 1,
            discarded: 0,
            expired: 0,
            pending: 0,
        };
        done(Ledger {
            rows: vec![row],
            losses: Vec::new(),
            store: "sqlite",
        })
    }

    fn dead_list(
        &self,
        service: Option<ServiceName>,
        offset: u32,
        limit: u32,
    ) -> BoxFuture<'static, Result<DeadLetters, Fault>> {
        self.remember(format!("list {service:?} {offset} {limit}"));
        let letter = DeadSummary {
            cid: DEAD,
            service: ServiceName::new("stockmarket.get-market-cap").unwrap(),
            delivery: busker_model::Delivery::Durable,
            accepted_ms: 1,
            died_ms: 2,
            attempts: 4,
            failure: failure(),
            version: "Stock, generation 2".to_owned(),
            bytes: 100,
        };
        done(DeadLetters {
            total: 1,
            letters: vec![letter],
        })
    }

    fn dead_get(&self, cid: Cid) -> BoxFuture<'static, Result<DeadLetter, Fault>> {
        let head = Head {
            accepted_ms: 1,
            channel: busker_model::ChannelKind::Api,
            data_format: busker_model::DataFormat::Json,
            not_before_ms: None,
            deadline_ms: None,
            key: None,
            traceparent: None,
            principal: None,
            parent: None,
            job: None,
        };
        done(DeadLetter {
            envelope: Envelope {
                cid,
                service: ServiceName::new("stockmarket.get-market-cap").unwrap(),
                delivery: busker_model::Delivery::Durable,
                head,
                payload: busker_model::Payload::Json(Bytes::from_static(b"{\"symbol\":\"GOOG\"}")),
                raw: None,
            },
            died_ms: 2,
            attempts: 4,
            failure: failure(),
            version: "Stock, generation 2".to_owned(),
        })
    }

    fn dead_edit(&self, cid: Cid, payload: Bytes) -> BoxFuture<'static, Result<(), Fault>> {
        let payload = String::from_utf8_lossy(&payload).into_owned();
        self.dead(&format!("edit {payload}"), cid)
    }

    fn dead_replay(&self, cid: Cid) -> BoxFuture<'static, Result<(), Fault>> {
        self.dead("replay", cid)
    }

    fn dead_discard(&self, cid: Cid) -> BoxFuture<'static, Result<(), Fault>> {
        self.dead("discard", cid)
    }
}
