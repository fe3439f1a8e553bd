use std::sync::OnceLock;

use busker_kit::Pump;
use busker_model::invocation::ReplyBody;
use busker_model::{Cid, Fault, Reply, Request, ServiceDefinition, Transport};
use busker_service::ports::{AsyncOptions, BoxFuture, NoDictionaries, NoKeyValue};
use busker_service::{HttpAnswer, HttpCall, Invoker, OutgoingHttp, Ping, Ports};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::frame::HEADER;
use crate::{meta, segments};

/// Ports that nobody uses here.
#[derive(Debug)]
struct Nothing;

impl Invoker for Nothing {
    fn invoke(&self, _request: Request) -> BoxFuture<'static, Result<Reply, Fault>> {
        Box::pin(async { Err(Fault::not_found("nothing")) })
    }

    fn invoke_async(
        &self,
        _request: Request,
        _how: AsyncOptions,
    ) -> BoxFuture<'static, Result<Cid, Fault>> {
        Box::pin(async { Err(Fault::not_found("nothing")) })
    }

    fn definition(&self, _service: &str) -> Option<Arc<ServiceDefinition>> {
        None
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl OutgoingHttp for Nothing {
    fn send(
        &self,
        _connection: &str,
        _transport: Transport,
        _call: HttpCall,
    ) -> BoxFuture<'static, Result<HttpAnswer, Fault>> {
        Box::pin(async { Err(Fault::not_found("nothing")) })
    }

    fn ping(
        &self,
        _connection: &str,
        _transport: Transport,
    ) -> BoxFuture<'static, Result<Ping, Fault>> {
        Box::pin(async { Err(Fault::not_found("nothing")) })
    }
}

fn scope(payload: Bytes, time: Duration) -> Arc<Scope> {
    static PORTS: OnceLock<Arc<Ports>> = OnceLock::new();
    let ports = PORTS.get_or_init(|| {
        Arc::new(Ports {
            invoker: Arc::new(Nothing),
            http: Arc::new(Nothing),
            key_value: Arc::new(NoKeyValue),
            dictionaries: Arc::new(NoDictionaries),
            cluster: "c".into(),
            node: "n".into(),
        })
    });
    let service = ServiceName::new("a.b").unwrap();
    let request = Request::json(service.clone(), payload, clock::now() + time);
    Arc::new(Scope {
        context: Context::new(request, Arc::clone(ports)),
        service,
    })
}

/// A connection, its writer task and the worker's end of the socket.
fn connect(window: u32) -> (Arc<Connection>, Pump, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (connection, ends) = Connection::new(
        "test/worker".to_owned(),
        ours,
        window,
        Arc::new(Notify::new()),
    );
    let writer = Pump::spawn("writer", Arc::clone(&connection).write_queued(ends));
    (connection, writer, theirs)
}

async fn send(connection: &Arc<Connection>, scope: Arc<Scope>) -> Outcome {
    let slot = connection.try_reserve().unwrap();
    let id = connection.mint_id();
    let frame = segments::encode(id, 0, scope.context.request(), clock::now()).unwrap();
    Connection::exchange(slot, id, frame, scope).await
}

/// Reads a frame as a worker does: type, id and everything after the header.
async fn hear(worker: &mut UnixStream) -> (u8, u64, Bytes) {
    let mut head = [0; HEADER];
    worker.read_exact(&mut head).await.unwrap();
    let mut head = &head[..];
    let length = head.get_u32_le() as usize + 4 - HEADER;
    let kind = head.get_u8();
    head.advance(3);
    let id = head.get_u64_le();
    let mut rest = vec![0; length];
    worker.read_exact(&mut rest).await.unwrap();
    (kind, id, rest.into())
}

/// A RES frame as the node reads it.
fn result(id: u64, body: &'static [u8]) -> Frame {
    let frame = frame::encode(ToWorker::Ping, id, &[], body).unwrap();
    let mut bytes = BytesMut::from(&frame[..]);
    bytes[4] = 67;
    frame::cut(&mut bytes).unwrap().unwrap()
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_answer_finds_its_request_and_frees_its_slot() {
    let (connection, _writer, mut worker) = connect(1);
    let request = send(&connection, scope(Bytes::from_static(b"{}"), LONG));
    let serving = async {
        let (kind, id, _) = hear(&mut worker).await;
        assert_eq!(kind, ToWorker::Request as u8);
        assert!(connection.try_reserve().is_none(), "the window is full");
        connection.answer(result(id, b"[1]"));
    };
    let (outcome, ()) = tokio::join!(request, serving);
    let Outcome::Answer(frame) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        meta::reply(frame).unwrap().body,
        ReplyBody::Json(Bytes::from_static(b"[1]"))
    );
    assert_eq!(connection.in_flight(), 0);
}

#[tokio::test]
async fn frames_larger_than_the_socket_stay_whole_and_apart() {
    let (connection, _writer, mut worker) = connect(8);
    let sizes = [3_000_000_usize, 10, 2_000_000, 20, 1_000_000];
    let requests = sizes.map(|size| send(&connection, scope(vec![b'7'; size].into(), LONG)));
    let serving = async {
        let mut heard = Vec::new();
        for _ in sizes {
            let (_, id, body) = hear(&mut worker).await;
            heard.push(body.iter().filter(|&&byte| byte == b'7').count());
            connection.answer(result(id, b"1"));
        }
        heard.sort_unstable();
        heard
    };
    let (outcomes, heard) = tokio::join!(futures::future::join_all(requests), serving);
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Answer(_)))
    );
    for (size, heard) in [10_usize, 20, 1_000_000, 2_000_000, 3_000_000]
        .into_iter()
        .zip(heard)
    {
        // A cid may hold the counted byte too.
        assert!((size..=size + 40).contains(&heard), "{size} {heard}");
    }
}

#[tokio::test]
async fn a_request_that_cannot_have_reached_the_worker_may_go_to_another() {
    let (connection, _writer, worker) = connect(2);
    drop(worker);
    let outcome = send(&connection, scope(Bytes::from_static(b"{}"), LONG)).await;
    assert!(matches!(outcome, Outcome::NotWritten), "{outcome:?}");
    assert_eq!(connection.in_flight(), 0);
    assert!(
        connection.try_reserve().is_none(),
        "it must wait for another worker"
    );
}

#[tokio::test]
async fn a_request_behind_a_full_socket_is_not_lost_with_the_worker() {
    let (connection, _writer, _worker) = connect(2);
    let first = send(&connection, scope(vec![b'1'; 8_000_000].into(), LONG));
    let second = send(&connection, scope(Bytes::from_static(b"{}"), LONG));
    let ending = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let running: Vec<_> = connection.running();
        assert_eq!(running.len(), 1, "the second was never written");
        connection.end(&Arc::default());
    };
    let (first, second, ()) = tokio::join!(first, second, ending);
    assert!(matches!(first, Outcome::Lost(_)), "{first:?}");
    assert!(matches!(second, Outcome::NotWritten), "{second:?}");
    assert_eq!(connection.in_flight(), 0);
    assert!(connection.try_reserve().is_none());
}

#[tokio::test]
async fn an_expired_request_is_cancelled_and_keeps_its_slot_until_it_ends() {
    let (connection, _writer, mut worker) = connect(1);
    let outcome = send(
        &connection,
        scope(Bytes::from_static(b"{}"), Duration::from_millis(20)),
    )
    .await;
    assert!(matches!(outcome, Outcome::Expired), "{outcome:?}");
    let (_, id, _) = hear(&mut worker).await;
    let (kind, cancelled, meta) = hear(&mut worker).await;
    assert_eq!((kind, cancelled), (ToWorker::Cancel as u8, id));
    assert_eq!(&meta[..], br#"{"reason":"timeout","hard":false}"#);
    assert_eq!(connection.in_flight(), 1);
    connection.answer(result(id, b"1"));
    assert_eq!(connection.in_flight(), 0);
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_its_request() {
    let (connection, _writer, mut worker) = connect(1);
    let request = send(&connection, scope(Bytes::from_static(b"{}"), LONG));
    let gone = tokio::time::timeout(Duration::from_millis(20), request).await;
    assert!(gone.is_err());
    hear(&mut worker).await;
    let (kind, _, meta) = hear(&mut worker).await;
    assert_eq!(kind, ToWorker::Cancel as u8);
    assert_eq!(&meta[..], br#"{"reason":"caller-gone","hard":false}"#);
    worker.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_request_that_goes_on_is_cancelled_hard() {
    let (connection, _writer, mut worker) = connect(1);
    let crew = crate::crew::Crew::new(1);
    let _janitor = Pump::spawn("janitor", Arc::clone(&connection).keep_clean(crew));
    send(
        &connection,
        scope(Bytes::from_static(b"{}"), Duration::from_millis(20)),
    )
    .await;
    hear(&mut worker).await;
    hear(&mut worker).await;
    let (kind, _, meta) = hear(&mut worker).await;
    assert_eq!(kind, ToWorker::Cancel as u8);
    assert_eq!(&meta[..], br#"{"reason":"timeout","hard":true}"#);
}

/// The worker's health as the node sees it, with its clock paused.
async fn watched(pong: Option<Pong>) -> (Leave, Duration) {
    let (connection, _writer, _worker) = connect(1);
    if let Some(pong) = pong {
        connection.on_pong(pong);
    }
    let started = clock::now();
    let _health = Pump::spawn("health", Arc::clone(&connection).keep_watch(1 << 30));
    let leave = connection.asked_to_leave().await;
    (leave, clock::now() - started)
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_never_answers_is_replaced_without_grace() {
    let (leave, took) = watched(None).await;
    assert!(leave.why.contains("no sign of life"), "{leave:?}");
    assert!(leave.replace && leave.grace.is_zero(), "{leave:?}");
    assert!(
        took > Duration::from_secs(30) && took <= Duration::from_secs(36),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_over_its_memory_limit_is_replaced_once_it_says_so() {
    let pong = Pong {
        rss_bytes: 3 << 30,
        requests: 7,
    };
    let (leave, took) = watched(Some(pong)).await;
    assert!(leave.why.contains("3072 MiB"), "{leave:?}");
    assert!(leave.replace && !leave.grace.is_zero(), "{leave:?}");
    assert!(took <= Duration::from_secs(2), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_deaf_while_a_cancelled_request_runs_is_replaced_sooner() {
    let (connection, _writer, mut worker) = connect(1);
    let crew = crate::crew::Crew::new(1);
    let _janitor = Pump::spawn("janitor", Arc::clone(&connection).keep_clean(crew));
    let started = clock::now();
    let outcome = send(
        &connection,
        scope(Bytes::from_static(b"{}"), Duration::from_millis(20)),
    )
    .await;
    assert!(matches!(outcome, Outcome::Expired), "{outcome:?}");
    let leave = connection.asked_to_leave().await;
    assert!(leave.why.contains("no sign of life"), "{leave:?}");
    let took = clock::now() - started;
    assert!(
        took > Duration::from_secs(3) && took < Duration::from_secs(4),
        "{took:?}"
    );
    // It was asked whether it lives before it was given up.
    let mut heard = Vec::new();
    for _ in 0..5 {
        heard.push(hear(&mut worker).await.0);
    }
    let pings = heard.iter().filter(|&&kind| kind == ToWorker::Ping as u8);
    assert!(pings.count() >= 2, "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_answers_keeps_a_cancelled_request_for_ten_seconds() {
    let (connection, _writer, _worker) = connect(1);
    let crew = crate::crew::Crew::new(1);
    let _janitor = Pump::spawn("janitor", Arc::clone(&connection).keep_clean(crew));
    send(
        &connection,
        scope(Bytes::from_static(b"{}"), Duration::from_millis(20)),
    )
    .await;
    let started = clock::now();
    let answering = async {
        loop {
            connection.on_pong(Pong::default());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let leave = tokio::select! {
        leave = connection.asked_to_leave() => leave,
        () = answering => unreachable!("it answers for ever"),
    };
    assert!(leave.why.contains("still runs after 10 s"), "{leave:?}");
    let took = clock::now() - started;
    assert!(
        took > Duration::from_secs(10) && took < Duration::from_secs(11),
        "{took:?}"
    );
    assert!(connection.running().iter().all(|request| request.unwanted));
    assert!(!connection.is_wanted());
}
